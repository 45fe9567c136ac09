import { expect, type Page } from "@playwright/test";
import { type Event, test, type Weir } from "./weir.ts";

/**
 * How long it takes from an accepted event to a changed pixel: `make bench-freshness`.
 *
 * Sign-ups start one after the other, at random moments. Each is timed from the arrival of its 202 to the
 * frame in which the panel counts it, in a real browser in front of a real `weir serve` with its engine.
 * FRESHNESS_EVENTS is how many, for each row of the table (60; the panel writes numbers out up to 999).
 */
const EVENTS = Number(process.env.FRESHNESS_EVENTS ?? 60);

/** Between two events: long enough to be alone in a flush, short enough to be measured in minutes. */
const PAUSE_MIN_MS = 200;
const PAUSE_MAX_MS = 3_800;
/** Longest wait for what has not been seen yet. */
const SEEN_WITHIN_MS = 30_000;

const LOAD_EVENTS_PER_SECOND = 5_000;
const LOAD_EVENTS_PER_REQUEST = 100;
const LOAD_SESSIONS = 500;

const STREAM = "**/api/stream";

const WAYS = {
  push: { light: "Live", targetMs: 1_500 },
  polling: { light: /^Polling/, targetMs: 7_000 },
} as const;

const table = [
  "| | events | p50, s | p95, s | longest, s | target for p95 |",
  "|---|---|---|---|---|---|",
];

for (const way of ["push", "polling"] as const) {
  for (const loaded of [false, true]) {
    const row = `${way}, ${loaded ? "5,000 other events/s" : "no other events"}`;
    test(row, async ({ page, weir }) => {
      if (way === "polling") {
        await page.route(STREAM, (route) => route.abort());
      }
      const load = loaded ? startLoad(weir) : null;
      await weir.send([started(0)]);
      await page.goto(weir.dashboardUrl);
      await expect(page.getByText("of 1 in the last hour")).toBeVisible();
      await expect(page.getByRole("status")).toHaveText(WAYS[way].light);
      const delaysMs = await measure(page, weir);
      const loadPerSecond = await load?.stop();
      table.push(tableRow(row, delaysMs, WAYS[way].targetMs));
      if (loadPerSecond !== undefined) {
        process.stdout.write(`\n${row}: ${Math.round(loadPerSecond)} events/s were accepted\n`);
      }
    });
  }
}

test.afterAll(() => {
  process.stdout.write(`\n\nFrom 202 to pixel, in chromium\n\n${table.join("\n")}\n\n`);
});

async function measure(page: Page, weir: Weir): Promise<number[]> {
  await page.evaluate(watchCount);
  const acceptedAtMs: number[] = [];
  for (let session = 1; session <= EVENTS; session += 1) {
    await pause(PAUSE_MIN_MS + Math.random() * (PAUSE_MAX_MS - PAUSE_MIN_MS));
    await weir.send([started(session)]);
    acceptedAtMs.push(Date.now());
  }
  await expect
    .poll(() => page.evaluate(() => window.seenAtMs.length), { timeout: SEEN_WITHIN_MS })
    .toBeGreaterThan(EVENTS + 1);
  const seenAtMs = await page.evaluate(() => window.seenAtMs);
  // The first sign-up was there before: the panel counts 2 with the first that is timed.
  return acceptedAtMs.map((acceptedMs, index) => (seenAtMs[index + 2] as number) - acceptedMs);
}

declare global {
  interface Window {
    /** When the page first showed so many sign-ups, or more. */
    seenAtMs: number[];
  }
}

/** In the page: notes when a count is painted. */
function watchCount(): void {
  const panel = document.querySelector('[aria-labelledby="signup-funnel-title"]');
  if (panel === null) {
    throw new Error("the page has no sign-ups");
  }
  window.seenAtMs = [];
  const note = () => {
    const count = Number(/of (\d+) in the last hour/.exec(panel.textContent ?? "")?.[1] ?? 0);
    // A frame is painted after its callbacks.
    requestAnimationFrame(() => {
      setTimeout(() => {
        while (window.seenAtMs.length <= count) {
          window.seenAtMs.push(Date.now());
        }
      });
    });
  };
  note();
  new MutationObserver(note).observe(panel, {
    subtree: true,
    childList: true,
    characterData: true,
  });
}

function started(session: number): Event {
  return {
    event_name: "signup_started",
    session_id: `timed-${session}`,
    device_type: "desktop",
    country_code: "PT",
  };
}

/** Other events, at a steady pace. */
function startLoad(weir: Weir): { stop: () => Promise<number> } {
  const startedAtMs = Date.now();
  let accepted = 0;
  let due = 0;
  const underWay = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const elapsedMs = Date.now() - startedAtMs;
    for (; due < (elapsedMs * LOAD_EVENTS_PER_SECOND) / 1_000; due += LOAD_EVENTS_PER_REQUEST) {
      const events = Array.from({ length: LOAD_EVENTS_PER_REQUEST }, (_, index): Event => {
        const number = due + index;
        return {
          ...started(0),
          event_name: number % 3 === 0 ? "feature_used" : "page_view",
          session_id: `session-${number % LOAD_SESSIONS}`,
          properties: { feature: `feature-${number % 7}`, path: `/pages/${number % 100}` },
        };
      });
      const request = weir.send(events).then(() => {
        accepted += LOAD_EVENTS_PER_REQUEST;
        underWay.delete(request);
      });
      underWay.add(request);
    }
  }, 20);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      return accepted / ((Date.now() - startedAtMs) / 1_000);
    },
  };
}

function tableRow(row: string, delaysMs: number[], targetMs: number): string {
  const sorted = delaysMs.toSorted((one, other) => one - other);
  const percentile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  const p95Ms = percentile(0.95);
  const figures = [percentile(0.5), p95Ms, percentile(1)].map((ms) => (ms / 1_000).toFixed(2));
  const verdict = `${targetMs / 1_000} s, ${p95Ms <= targetMs ? "met" : "missed"}`;
  return `| ${[row, sorted.length, ...figures, verdict].join(" | ")} |`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
