import { expect } from "@playwright/test";
import { visit } from "./traffic.ts";
import { test } from "./weir.ts";

// A batch is flushed within 2 s, and the page is told at most a second later; the rest is for slow machines.
const SEEN_WITHIN_MS = 12_000;

test("all_four_panels_follow_the_events", async ({ page, weir }) => {
  await weir.send([...visit(0), ...visit(1)]);
  await page.goto(weir.dashboardUrl);
  const users = page.getByTestId("active-users-value");
  const conversion = page.getByTestId("signup-funnel-value");
  const features = page.getByTestId("top-features-value");
  const errors = page.getByTestId("error-rate-value");
  // Session 0 completes its sign-up and meets an error; session 1 does neither. 8 events, 1 error.
  await expect(users).toHaveText("2", { timeout: SEEN_WITHIN_MS });
  await expect(conversion).toHaveText("50%");
  await expect(features).toHaveText("1");
  await expect(errors).toHaveText("12.5%");
  await expect(page.getByText("Over 1% in the last 5 minutes")).toBeVisible();

  // Sessions 5 and 9 use what session 1 used. 14 events, still 1 error, 1 of 4 completed.
  await weir.send([...visit(5), ...visit(9)]);
  await expect(users).toHaveText("4", { timeout: SEEN_WITHIN_MS });
  await expect(conversion).toHaveText("25%", { timeout: SEEN_WITHIN_MS });
  await expect(features).toHaveText("3", { timeout: SEEN_WITHIN_MS });
  await expect(errors).toHaveText("7.14%", { timeout: SEEN_WITHIN_MS });
});

test("the_age_of_the_data_is_always_on_screen", async ({ page, weir }) => {
  await weir.send(visit(0));
  await page.goto(weir.dashboardUrl);
  await expect(page.getByTestId("data-age")).toHaveText(/^newest event (\d\.\d|\d+) s ago$/);
  // The same as in the header, and therefore not said again.
  await expect(page.getByTestId("panel-state")).toHaveText(
    Array.from({ length: 4 }, () => /^Answered in \d+ ms$/),
  );
});

test("old_data_is_called_stale_and_looks_so", async ({ page, weir }) => {
  const tenMinutesAgo = new Date(Date.now() - 600_000).toISOString();
  await weir.send(visit(0, tenMinutesAgo));
  await page.goto(weir.dashboardUrl);
  await expect(page.getByTestId("data-age")).toHaveText(/^▲ newest event 1\d min ago$/);
  await expect(page.getByTestId("panel-state").first()).toHaveText(
    /Stale: newest event 1\d min ago/,
  );
  const fresh = "rgb(35, 42, 54)";
  await expect(page.getByRole("region").first()).not.toHaveCSS("border-top-color", fresh);
});
