import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, type Page, type Route, test } from "@playwright/test";

const DIST_DIR = resolve(import.meta.dirname, "../dist");
const ORIGIN = "http://weir.test";
const SCREENS = [
  { width: 1920, height: 1080 },
  { width: 1280, height: 720 },
  { width: 820, height: 1180 },
  { width: 390, height: 844 },
];
const MEDIA_TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

type Answers = Record<string, unknown>;

function recorded(name: string): Answers {
  const file = join(import.meta.dirname, "recorded", `${name}.json`);
  return JSON.parse(readFileSync(file, "utf8")) as Answers;
}

/** Names as long as they may be, in scripts that are wide, or run the other way; numbers a thousand million times as large. */
const LONG_NAMES = [
  "a_feature_whose_name_is_as_long_as_the_person_who_named_it_had_time",
  "機能の名前がとても長くて幅も広いのでどこかで切らなければなりませんがどこで切るのでしょうか",
  "ميزة ذات اسم طويل جدًا يُكتب من اليمين إلى اليسار ولا ينتهي في السطر الأول",
];
const NAMED_FIELDS = ["feature", "message", "path", "event_name", "reason", "value", "text"];
const COUNTED_FIELDS =
  /^(active_users.*|started.*|completed.*|events.*|errors|unique_users|users.*|count)$/;

function exaggerated(value: unknown, field = ""): unknown {
  if (Array.isArray(value)) {
    return value.map((each, index) =>
      NAMED_FIELDS.some((name) => typeof each?.[name] === "string")
        ? exaggerated({ ...each, ...longNames(each, index) })
        : exaggerated(each, field),
    );
  }
  if (value !== null && typeof value === "object") {
    const fields = Object.entries(value).map(([name, each]) => [name, exaggerated(each, name)]);
    return Object.fromEntries(fields);
  }
  return typeof value === "number" && COUNTED_FIELDS.test(field) ? value * 1_000_000_000 : value;
}

function longNames(row: Record<string, unknown>, index: number): Record<string, unknown> {
  const named = NAMED_FIELDS.filter((name) => typeof row[name] === "string");
  const longName = LONG_NAMES[index % LONG_NAMES.length];
  // Rows stay apart, as those of an answer do.
  return Object.fromEntries(named.map((name) => [name, `${longName} ${index}`]));
}

/** What was recorded for the path with its query, or else for the path: pages ask with arguments of their own. */
function answerTo(answers: Answers, { pathname, search }: URL): unknown {
  const ofPath = Object.keys(answers).find((path) => path.split("?")[0] === pathname);
  return answers[pathname + search] ?? (ofPath === undefined ? undefined : answers[ofPath]);
}

/** The built dashboard, with recorded answers and no server behind it. */
async function serve(page: Page, answers: Answers): Promise<void> {
  await page.route(`${ORIGIN}/**`, async (route: Route) => {
    const url = new URL(route.request().url());
    if (url.pathname === "/api/stream") {
      // One that ends at once: the page polls.
      await route.fulfill({ contentType: "text/event-stream", body: "" });
      return;
    }
    if (url.pathname.startsWith("/api/")) {
      const answer = answerTo(answers, url);
      await (answer === undefined
        ? route.fulfill({
            status: 404,
            json: { error: { code: "not_found", message: "not recorded" } },
          })
        : route.fulfill({ json: answer }));
      return;
    }
    const asked = join(DIST_DIR, url.pathname);
    const isPage = !url.pathname.includes(".");
    const path = isPage ? join(DIST_DIR, "index.html") : asked;
    const contentType = MEDIA_TYPES[/\.\w+$/.exec(path)?.[0] ?? ""] ?? "application/octet-stream";
    await (existsSync(path)
      ? route.fulfill({ path, contentType })
      : route.fulfill({ status: 404, body: "" }));
  });
}

/** The pages, by the links to them, whatever they are. */
async function pagePaths(page: Page): Promise<string[]> {
  await page.goto(ORIGIN);
  const links = page.getByRole("navigation").getByRole("link");
  await expect(links.first()).toBeVisible();
  return await links.evaluateAll((all) => all.map((link) => link.getAttribute("href") ?? ""));
}

const RECORDINGS: Record<string, Answers> = {
  demo: recorded("demo"),
  empty: recorded("empty"),
  "one-event": recorded("one-event"),
  exaggerated: exaggerated(recorded("demo")) as Answers,
};

for (const [name, answers] of Object.entries(RECORDINGS)) {
  test(`every_page_shows_the_recording_${name}_on_every_screen`, async ({ page }, testInfo) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        complaints.push(message.text());
      }
    });
    await serve(page, answers);
    for (const path of await pagePaths(page)) {
      await page.goto(`${ORIGIN}${path}`);
      for (const screen of SCREENS) {
        await page.setViewportSize(screen);
        // What is loading is busy, and what failed says so.
        await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
        await expect(page.locator('[data-state="failed"]')).toHaveCount(0);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - window.innerWidth,
        );
        expect(overflow, `${path} scrolls sideways at ${screen.width} px`).toBeLessThanOrEqual(0);
        const picture = `${path.slice(1) || "overview"}-${screen.width}x${screen.height}.png`;
        await page.screenshot({ path: testInfo.outputPath(picture), fullPage: true });
      }
    }
    expect(complaints).toEqual([]);
  });
}

test("the_figures_of_the_overview_are_those_recorded", async ({ page }) => {
  const rowsOf = (name: string) => {
    const answer = recorded("demo")[`/api/queries/${name}?range=1h`];
    return (answer as { rows: Record<string, number>[] }).rows;
  };
  const sum = (name: string, field: string) =>
    rowsOf(name).reduce((total, row) => total + (row[field] ?? 0), 0);
  await serve(page, recorded("demo"));
  await page.goto(ORIGIN);
  const number = new Intl.NumberFormat("en-US");
  await expect(page.getByTestId("active-users-value")).toHaveText(
    number.format(rowsOf("active_users")[0]?.active_users_5m ?? 0),
  );
  await expect(page.getByTestId("top-features-value")).toHaveText(
    number.format(rowsOf("top_features")[0]?.unique_users ?? 0),
  );
  const share = sum("signup_funnel", "completed") / sum("signup_funnel", "started");
  await expect(page.getByTestId("signup-funnel-value")).toHaveText(
    `${number.format(Math.round(share * 1_000) / 10)}%`,
  );
});
