import { expect, type Page } from "@playwright/test";
import { test, type Weir } from "./weir.ts";

const PROPERTIES = { plan: "pro", note: "a note that is much longer than what has room in a row" };

function event(session: number, changes: object = {}) {
  return {
    event_name: "page_view",
    session_id: `s-${session}`,
    device_type: "desktop" as const,
    country_code: "PT",
    properties: PROPERTIES,
    ...changes,
  };
}

/** Events that are refused, for their device. */
async function sendBad(weir: Weir, count: number): Promise<void> {
  const bad = Array.from({ length: count }, (_, index) => event(index, { device_type: "watch" }));
  const reply = await fetch(`${weir.ingestUrl}/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(bad),
  });
  expect(reply.status).toBe(400);
}

function rows(page: Page) {
  return page.getByRole("table", { name: "Newest events" }).getByRole("row");
}

test("an_empty_tail_and_an_empty_list_say_which_line_fills_them", async ({ page, weir }) => {
  await page.goto(`${weir.dashboardUrl}/live`);
  await expect(page.getByText("No events yet.")).toBeVisible();
  await expect(page.getByTestId("curl-line")).toContainText('"event_name":"page_view"');
  await page.getByRole("tab", { name: "Rejected events (0 in the last hour)" }).click();
  await expect(page.getByTestId("curl-line").first()).toContainText('"device_type":"watch"');
});

test("new_events_come_to_the_top_and_nothing_moves_while_paused", async ({ page, weir }) => {
  await weir.send([event(1)]);
  await page.goto(`${weir.dashboardUrl}/live`);
  await expect(rows(page)).toHaveCount(2);
  await weir.send([event(2, { user_id: "u-2" })]);
  await expect(rows(page).nth(1)).toContainText("user u-2");
  await expect(rows(page).nth(1)).toHaveAttribute("data-new", "");
  await expect(rows(page).nth(2)).toContainText("session s-1");
  await expect(rows(page).nth(2)).not.toHaveAttribute("data-new", "");

  await page.keyboard.press("Space");
  await weir.send([event(3), event(4)]);
  await expect(page.getByRole("button", { name: "Resume, 2 new" })).toBeVisible();
  await expect(rows(page)).toHaveCount(3);
  await page.keyboard.press("Space");
  await expect(rows(page)).toHaveCount(5);
  await expect(page.getByRole("button", { name: "Pause" })).toBeVisible();
});

test("an_event_opens_to_the_whole_of_it_which_can_be_copied", async ({ page, context, weir }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await weir.send([event(1)]);
  await page.goto(`${weir.dashboardUrl}/live`);
  const opener = page.getByRole("button", { name: /^page_view at/ });
  await opener.focus();
  await page.keyboard.press("Enter");
  await expect(opener).toHaveAttribute("aria-expanded", "true");
  await expect(page.getByRole("button", { name: /^Resume/ })).toBeVisible();
  await page.getByRole("button", { name: "Copy" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  expect(copied).toMatchObject({ session_id: "s-1", properties: PROPERTIES });

  await opener.click();
  await expect(page.getByTestId("event-json")).toHaveCount(0);
});

test("a_filter_is_in_the_url", async ({ page, weir }) => {
  await weir.send([event(1), event(2), event(3, { event_name: "signup_started" })]);
  await page.goto(`${weir.dashboardUrl}/live?session=s-2`);
  await expect(rows(page)).toHaveCount(2);
  await page.getByLabel("Session").fill("");
  await expect(rows(page)).toHaveCount(4);
  await page.getByLabel("Event name").fill("signup");
  await expect(rows(page)).toHaveCount(2);
  await expect(page).toHaveURL(`${weir.dashboardUrl}/live?event=signup`);
  await page.getByLabel("Text in properties").fill("no such");
  await expect(page.getByText("None of the 3 newest events matches.")).toBeVisible();
});

test("rejected_events_are_counted_by_reason_and_shown_as_they_were_sent", async ({
  page,
  weir,
}) => {
  await page.goto(`${weir.dashboardUrl}/live`);
  await page.getByRole("tab", { name: "Events", exact: true }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: /^Rejected events/ })).toBeFocused();
  await expect(page).toHaveURL(`${weir.dashboardUrl}/live?tab=rejected`);

  await sendBad(weir, 120);
  await expect(
    page.getByRole("tab", { name: "Rejected events (120 in the last hour)" }),
  ).toBeVisible();
  const reasons = page.getByRole("region", { name: "What is rejected, and why" });
  await expect(
    reasons.getByRole("row", { name: /is none of desktop.* device_type/ }),
  ).toContainText("120");

  const list = page.getByRole("table", { name: "Rejected events" });
  await expect(list.getByRole("row")).toHaveCount(101);
  await page.getByRole("button", { name: "Older" }).click();
  await expect(list.getByRole("row")).toHaveCount(21);
  await page.reload();
  await expect(list.getByRole("row")).toHaveCount(21);
  await list
    .getByRole("button", { name: /^device_type/ })
    .first()
    .click();
  await expect(page.getByTestId("rejected-raw")).toContainText('"device_type":"watch"');
  await page.goBack();
  await expect(list.getByRole("row")).toHaveCount(101);
});
