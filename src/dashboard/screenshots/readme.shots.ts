import { resolve } from "node:path";
import { expect, type Page } from "@playwright/test";
import { test } from "./demo.ts";

/**
 * The pictures that the README tells the story with, of a real `weir demo`. Each is taken when what it is to
 * show can be seen, in the order in which it happens.
 */
const DIRECTORY = resolve(import.meta.dirname, "../../../docs/screenshots");

/** Share of errors among the last five minutes' events from which the incident cannot be overlooked. */
const INCIDENT_PCT = 2;
/** Until then; e-mails fail from minute 3 to minute 8. */
const INCIDENT_WITHIN_MS = 15 * 60_000;
const ANSWERED_WITHIN_MS = 60_000;

test("features", async ({ page, demo }) => {
  await page.goto(`${demo.dashboardUrl}/features`);
  await expect(page.getByRole("region", { name: "Feature adoption" })).toContainText("export");
  await take(page, "features");
});

test("setup", async ({ page, demo }) => {
  await page.goto(`${demo.dashboardUrl}/setup`);
  await expect(page.getByText("What arrives is stored and can be seen.")).toBeVisible();
  await take(page, "setup");
});

test("live", async ({ page, demo }) => {
  await page.goto(`${demo.dashboardUrl}/live?tab=rejected`);
  await expect(page.getByText("DEU").first()).toBeVisible();
  await take(page, "live");
});

test("overview", async ({ page, demo }) => {
  await page.goto(`${demo.dashboardUrl}/?compare=yesterday`);
  const errorRate = page.getByTestId("error-rate-value");
  await expect
    .poll(async () => Number.parseFloat((await errorRate.textContent()) ?? ""), {
      timeout: INCIDENT_WITHIN_MS,
    })
    .toBeGreaterThan(INCIDENT_PCT);
  await expect(page.getByText(/on yesterday/)).toHaveCount(4);
  await take(page, "overview");
});

test("funnel", async ({ page, demo }) => {
  await page.goto(demo.funnelUrl);
  await expect(page.getByText(/gmail\.com\W+went on to/)).toBeVisible({
    timeout: ANSWERED_WITHIN_MS,
  });
  await take(page, "funnel");
});

test("errors", async ({ page, demo }) => {
  await page.goto(`${demo.dashboardUrl}/errors`);
  const first = page.getByRole("row").nth(1);
  await expect(first).toContainText("gmail.com refused the verification e-mail");
  await take(page, "errors");
});

test("afterwards", async ({ page, demo }) => {
  await page.goto(`${demo.dashboardUrl}/?range=4h`);
  // Two incidents of before the start, the campaign, and the fix of the live incident.
  const marks = page.getByRole("region", { name: "Error rate" }).getByTestId("annotation");
  await expect(marks).toHaveCount(4, { timeout: INCIDENT_WITHIN_MS });
  const errorRate = page.getByTestId("error-rate-value");
  await expect
    .poll(async () => Number.parseFloat((await errorRate.textContent()) ?? ""), {
      timeout: INCIDENT_WITHIN_MS,
    })
    .toBeLessThan(1);
  await take(page, "afterwards");
});

/** Once every question on the page is answered, and by a server that is not busy with anything else. */
async function take(page: Page, name: string): Promise<void> {
  await expect(page.getByRole("status")).toHaveAttribute("data-state", "green", {
    timeout: ANSWERED_WITHIN_MS,
  });
  await expect(page.locator("main [aria-busy=true]")).toHaveCount(0);
  await page.screenshot({ path: resolve(DIRECTORY, `${name}.png`) });
}
