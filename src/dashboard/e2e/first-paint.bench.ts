import { type Browser, expect } from "@playwright/test";
import { lastHour } from "./traffic.ts";
import { test } from "./weir.ts";

/**
 * How long the overview takes to be drawn: `make bench-first-paint`.
 *
 * Each load is of a browser that has nothing of it yet, from a real `weir serve` on this machine that has answered
 * before. Times count from the navigation, as the browser itself takes them.
 */
const LOADS = 10;
const FIRST_PAINT_TARGET_MS = 1_000;

declare global {
  interface Window {
    /** When all four panels had figures, in ms since the navigation. */
    figuresAtMs?: number;
  }
}

test("the overview", async ({ browser, weir }) => {
  await Promise.all(lastHour().map((events) => weir.send(events)));
  await load(browser, weir.dashboardUrl);
  const paintsMs: number[] = [];
  const figuresMs: number[] = [];
  for (let number = 0; number < LOADS; number += 1) {
    const { paintMs, figuresAtMs } = await load(browser, weir.dashboardUrl);
    paintsMs.push(paintMs);
    figuresMs.push(figuresAtMs);
  }
  const verdict = median(paintsMs) <= FIRST_PAINT_TARGET_MS ? "met" : "missed";
  const rows = [
    `| | loads | median, ms | longest, ms | target for the median |`,
    `|---|---|---|---|---|`,
    tableRow("first contentful paint", paintsMs, `${FIRST_PAINT_TARGET_MS} ms, ${verdict}`),
    tableRow("figures in all four panels", figuresMs, ""),
  ];
  process.stdout.write(`\n\nFrom the navigation, in chromium\n\n${rows.join("\n")}\n\n`);
});

async function load(
  browser: Browser,
  url: string,
): Promise<{ paintMs: number; figuresAtMs: number }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const page = await context.newPage();
  await page.addInitScript(watchFigures);
  await page.goto(url);
  const figures = await page.waitForFunction(() => window.figuresAtMs);
  const figuresAtMs = await figures.jsonValue();
  const paintMs = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  );
  await context.close();
  expect(paintMs, "the browser tells when it painted").toBeDefined();
  return { paintMs: paintMs as number, figuresAtMs: figuresAtMs as number };
}

/** In the page: looks before each frame, and notes the time once it is painted. */
function watchFigures(): void {
  const look = () => {
    const values = [...document.querySelectorAll('[data-testid$="-value"]')];
    if (values.length === 4 && values.every((value) => /\d/.test(value.textContent ?? ""))) {
      // A frame is painted after its callbacks.
      setTimeout(() => {
        window.figuresAtMs = performance.now();
      });
    } else {
      requestAnimationFrame(look);
    }
  };
  requestAnimationFrame(look);
}

function median(valuesMs: readonly number[]): number {
  const sorted = valuesMs.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

function tableRow(row: string, valuesMs: readonly number[], target: string): string {
  const figures = [median(valuesMs), Math.max(...valuesMs)].map((ms) => Math.ceil(ms));
  return `| ${[row, valuesMs.length, ...figures, target].join(" | ")} |`;
}
