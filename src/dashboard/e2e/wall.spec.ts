import { expect, type Page } from "@playwright/test";
import { visit } from "./traffic.ts";
import { test, type Weir } from "./weir.ts";

const RESTARTS = 20;
const MINUTE_MS = 60_000;

declare global {
  interface Window {
    /** Gone when the document is loaded again. */
    isTheFirst?: boolean;
  }
}

async function openWall(page: Page, weir: Weir, address: string): Promise<void> {
  await page.goto(`${weir.dashboardUrl}${address}`);
  await page.evaluate(() => {
    window.isTheFirst = true;
  });
}

function isTheFirst(page: Page): Promise<boolean> {
  return page.evaluate(() => window.isTheFirst === true);
}

test("a_wall_shows_the_chosen_pages_in_turn_and_nothing_to_operate", async ({ page, weir }) => {
  await page.clock.install();
  await weir.send(visit(1));
  await openWall(page, weir, "/features?wall=errors,overview&every=10s&range=4h");
  await expect(page.getByRole("main", { name: "Errors" })).toBeVisible();
  await expect(page).toHaveURL(
    `${weir.dashboardUrl}/errors?wall=errors,overview&every=10s&range=4h`,
  );
  await expect(page.getByRole("heading", { name: "Error rate" })).toBeVisible();
  await expect(page.getByRole("status")).toHaveText("Live");
  await expect(page.getByTestId("data-age")).toHaveText(/^newest event/);
  await expect(page.getByRole("navigation")).toHaveCount(0);
  await expect(page.getByRole("main").getByRole("button")).toHaveCount(0);

  await page.clock.runFor(10_000);
  await expect(page.getByRole("main", { name: "Overview" })).toBeVisible();
  await expect(page.getByRole("region")).toHaveCount(4);
  await page.clock.runFor(10_000);
  await expect(page.getByRole("main", { name: "Errors" })).toBeVisible();
  expect(await isTheFirst(page)).toBe(true);
  expect(await page.evaluate(() => window.history.length)).toBeLessThanOrEqual(2);
});

test("of_a_page_higher_than_the_screen_a_turn_shows_the_rest", async ({ page, weir }) => {
  await page.clock.install();
  await page.setViewportSize({ width: 820, height: 1180 });
  await openWall(page, weir, "/?wall=overview&every=30s");
  await expect(page.getByRole("region")).toHaveCount(4);
  const [first, last] = [page.getByRole("region").first(), page.getByRole("region").last()];
  await expect(first).toBeInViewport({ ratio: 1 });
  await expect(last).not.toBeInViewport({ ratio: 1 });
  await page.clock.runFor(30_000);
  await expect(last).toBeInViewport({ ratio: 1 });
  await page.clock.runFor(30_000);
  await expect(first).toBeInViewport({ ratio: 1 });
});

test("a_hand_finds_the_way_out_and_so_does_escape", async ({ page, weir }) => {
  await page.goto(weir.dashboardUrl);
  await page.getByRole("button", { name: "Wall mode" }).click();
  await expect(page).toHaveURL(`${weir.dashboardUrl}/?wall=`);
  const leave = page.getByRole("button", { name: "Leave (Esc)" });
  await page.mouse.move(200, 200);
  await page.mouse.move(210, 210);
  await leave.click();
  await expect(page).toHaveURL(`${weir.dashboardUrl}/`);
  await expect(page.getByRole("navigation")).toBeVisible();

  await page.goto(`${weir.dashboardUrl}/?wall=overview&every=1m&range=4h`);
  await expect(page.getByRole("navigation")).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(`${weir.dashboardUrl}/?range=4h`);
});

test("a_wall_outlives_twenty_restarts_of_the_server_without_loading_again", async ({
  page,
  weir,
}) => {
  test.setTimeout(300_000);
  await weir.send(visit(1));
  await openWall(page, weir, "/?wall=overview,errors&every=5s");
  await expect(page.getByRole("region").first()).toBeVisible();
  for (let restart = 1; restart <= RESTARTS; restart += 1) {
    await weir.stop();
    await weir.start();
  }
  await weir.send(visit(2));
  await weir.send(visit(3));
  await expect(page.getByTestId("active-users-value")).toHaveText("3", { timeout: 60_000 });
  await expect(page.getByRole("status")).toHaveText("Live", { timeout: 60_000 });
  await expect(page.getByRole("main", { name: "Errors" })).toBeVisible();
  await expect(page.getByRole("main", { name: "Overview" })).toBeVisible();
  expect(await isTheFirst(page)).toBe(true);
});

test("a_page_that_cannot_be_loaded_is_tried_again_while_the_one_before_stays", async ({
  page,
  weir,
}) => {
  await page.clock.install();
  await weir.send(visit(1));
  const blocked = ["**/assets/errors-*", "**/api/info"];
  await openWall(page, weir, "/?wall=overview,errors&every=1m");
  await expect(page.getByRole("region")).toHaveCount(4);
  for (const pattern of blocked) {
    await page.route(pattern, (route) => route.abort());
  }
  const failed = page.waitForEvent("requestfailed", (request) =>
    request.url().includes("/errors-"),
  );
  await page.clock.runFor(MINUTE_MS);
  await failed;
  await expect(page.getByRole("main", { name: "Overview" })).toBeVisible();
  await expect(page.getByRole("region")).toHaveCount(4);

  for (const pattern of blocked) {
    await page.unroute(pattern);
  }
  await page.clock.runFor(6_000);
  await expect(page.getByRole("main", { name: "Errors" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Error rate" })).toBeVisible();
  expect(await isTheFirst(page)).toBe(true);
});

test("a_new_version_of_the_server_is_loaded_once", async ({ page, weir }) => {
  await page.clock.install();
  await weir.send(visit(1));
  await openWall(page, weir, "/?wall=overview");
  await expect(page.getByRole("region")).toHaveCount(4);
  await page.clock.runFor(2 * MINUTE_MS);
  expect(await isTheFirst(page)).toBe(true);

  await page.route("**/api/info", async (route) => {
    const reply = await route.fetch();
    await route.fulfill({ json: { ...(await reply.json()), version: "99.0.0" } });
  });
  const loaded = page.waitForEvent("load");
  await page.clock.runFor(MINUTE_MS);
  await loaded;
  expect(await isTheFirst(page)).toBe(false);

  await page.evaluate(() => {
    window.isTheFirst = true;
  });
  await expect(page.getByRole("region")).toHaveCount(4);
  await page.clock.runFor(3 * MINUTE_MS);
  expect(await isTheFirst(page)).toBe(true);
});
