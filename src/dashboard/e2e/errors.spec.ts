import { expect } from "@playwright/test";
import { type Event, test } from "./weir.ts";

function failure(user: string, message: string, path: string): Event {
  return {
    event_name: "error_occurred",
    session_id: `session-of-${user}`,
    user_id: user,
    device_type: "desktop",
    country_code: "PT",
    properties: { message, path },
  };
}

test("the_errors_that_were_sent_are_counted_by_message_and_path", async ({ page, weir }) => {
  const visit: Event = { ...failure("ada", "", ""), event_name: "page_view", properties: {} };
  await weir.send([
    ...Array.from({ length: 16 }, () => visit),
    failure("ada", "Payment refused", "/checkout"),
    failure("ada", "Payment refused", "/checkout"),
    failure("bob", "Payment refused", "/checkout"),
    failure("bob", "Took too long", "/home"),
  ]);
  await page.goto(`${weir.dashboardUrl}/errors`);
  await expect(page.getByTestId("error-rate-value")).toHaveText("20%");
  await expect(page.getByTestId("error-breakdown-value")).toHaveText("4");
  const rows = page
    .getByRole("region", { name: "Most frequent errors", exact: true })
    .getByRole("row");
  await expect(rows).toHaveCount(3);
  const cells = async (row: number) =>
    (await rows.nth(row).getByRole("cell").allTextContents()).slice(0, 4);
  expect(await cells(1)).toEqual(["Payment refused", "Path /checkout", "Errors 3", "Users 2"]);
  expect(await cells(2)).toEqual(["Took too long", "Path /home", "Errors 1", "Users 1"]);
});
