import { expect } from "@playwright/test";
import { visit } from "./traffic.ts";
import { test } from "./weir.ts";

const QUERIES = ["active_users", "error_rate", "signup_funnel", "top_features"];

test("a_range_is_asked_of_every_query_and_kept_in_the_url", async ({ page, weir }) => {
  const threeHoursAgo = new Date(Date.now() - 3 * 3_600_000).toISOString();
  await weir.send(visit(0, threeHoursAgo));
  const asked = new Set<string>();
  page.on("request", (request) =>
    asked.add(new URL(request.url()).pathname + new URL(request.url()).search),
  );

  await page.goto(weir.dashboardUrl);
  await expect(page.getByRole("radio", { name: "1h" })).toBeChecked();
  await expect(page.getByTestId("signup-funnel-value")).toHaveText("–");

  await page.getByText("6h", { exact: true }).click();
  await expect(page).toHaveURL(/\?range=6h$/);
  await expect(page.getByTestId("signup-funnel-value")).toHaveText("100%");
  for (const query of QUERIES) {
    expect(asked).toContain(`/api/queries/${query}?range=6h`);
  }

  await page.reload();
  await expect(page.getByRole("radio", { name: "6h" })).toBeChecked();
  await page.goBack();
  await expect(page.getByRole("radio", { name: "1h" })).toBeChecked();
});

test("the_range_is_chosen_by_keyboard", async ({ page, weir }) => {
  await page.goto(weir.dashboardUrl);
  await page.getByRole("link").last().focus();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("radio", { name: "1h" })).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/\?range=4h$/);
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/\?range=6h$/);
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/\?range=24h$/);
  await expect(page.getByRole("radio", { name: "24h" })).toBeChecked();
});

test("an_unknown_range_means_the_default", async ({ page, weir }) => {
  await page.goto(`${weir.dashboardUrl}/?range=7d`);
  await expect(page.getByRole("radio", { name: "1h" })).toBeChecked();
  await expect(page.getByRole("status")).toHaveText("Live");
});
