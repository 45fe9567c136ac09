import { expect } from "@playwright/test";
import { type Event, test } from "./weir.ts";

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
// 1 January 1970 was a Thursday.
const FIRST_MONDAY_MS = 4 * 24 * HOUR_MS;

function event(user: string, atMs: number, feature?: string): Event {
  return {
    event_name: feature === undefined ? "page_view" : "feature_used",
    session_id: `session-of-${user}`,
    user_id: user,
    device_type: "desktop",
    country_code: "PT",
    timestamp: new Date(atMs).toISOString(),
    properties: feature === undefined ? {} : { feature },
  };
}

test("adoption_is_compared_with_the_range_before", async ({ page, weir }) => {
  const nowMs = Date.now() - 5 * HOUR_MS;
  const beforeMs = Date.now() - 29 * HOUR_MS;
  await weir.send([
    ...["ada", "bob", "eve", "kim"].flatMap((user) => [event(user, nowMs), event(user, beforeMs)]),
    event("ada", nowMs, "export"),
    event("bob", nowMs, "export"),
    event("ada", nowMs, "search"),
    event("kim", beforeMs, "export"),
  ]);
  await page.goto(`${weir.dashboardUrl}/features?range=24h`);
  const panel = page.getByRole("region", { name: "Feature adoption" });
  await expect(page.getByTestId("feature-adoption-value")).toHaveText("50%");
  await expect(panel.getByText("in the last 24 whole hours, ▲ 25 pts")).toBeVisible();
  await expect(panel.getByRole("list").getByRole("listitem").filter({ hasText: "%" })).toHaveText([
    "export50%2 users▲ 25 pts",
    "search25%1 user▲ 25 pts",
  ]);
});

test("users_who_come_back_are_counted_week_by_week", async ({ page, weir }) => {
  const mondayMs = Math.floor((Date.now() - FIRST_MONDAY_MS) / WEEK_MS) * WEEK_MS + FIRST_MONDAY_MS;
  const users = ["ada", "bob", "eve", "kim"];
  await weir.send([
    ...users.map((user) => event(user, mondayMs - 2 * WEEK_MS + HOUR_MS)),
    ...users.slice(0, 3).map((user) => event(user, mondayMs - WEEK_MS + HOUR_MS)),
    event("ada", Date.now()),
  ]);
  await page.goto(`${weir.dashboardUrl}/features`);
  const panel = page.getByRole("region", { name: "Users who come back", exact: true });
  await expect(page.getByTestId("retention-value")).toHaveText("75%");
  await expect(panel.getByRole("row")).toHaveCount(2);
  await expect(panel.getByRole("row").last().getByRole("cell")).toHaveText(["4", "75%", "25%"]);

  await panel.getByText("12 weeks").click();
  await expect(page).toHaveURL(/\?weeks=12$/);
  await page.reload();
  await expect(panel.getByRole("radio", { name: "12 weeks" })).toBeChecked();
});
