import { gzipSync } from "node:zlib";
import { expect, type Page } from "@playwright/test";
import { lastHour } from "./traffic.ts";
import { test } from "./weir.ts";

const PAGES = ["Overview", "Funnels", "Features", "Errors", "Live"];
const SCREENS = [
  { width: 1920, height: 1080 },
  { width: 1280, height: 720 },
  { width: 820, height: 1180 },
  { width: 390, height: 844 },
];
const TOUCH_TARGET_PX = 44;
const OVERVIEW_SCRIPT_BYTES_MAX = 250_000;

test("pages_are_reached_by_keyboard_address_and_history", async ({ page, weir }) => {
  const errors = page.getByRole("main", { name: "Errors" });
  await page.goto(`${weir.dashboardUrl}/?range=24h`);
  await expect(page.getByRole("link", { name: "Overview" })).toHaveAttribute(
    "aria-current",
    "page",
  );
  await page.getByRole("link", { name: "Errors" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`${weir.dashboardUrl}/errors?range=24h`);
  await expect(page).toHaveTitle("Errors – Weir");
  await expect(errors).toBeFocused();

  await page.reload();
  await expect(errors.getByRole("heading", { name: "Error rate" })).toBeVisible();
  await expect(page.getByRole("radio", { name: "24h" })).toBeChecked();
  await expect(page.getByRole("status")).toHaveText("Live");
  await page.goBack();
  await expect(page.getByRole("main", { name: "Overview" })).toBeVisible();
  await page.goForward();
  await expect(errors).toBeVisible();

  const [other] = await Promise.all([
    page.context().waitForEvent("page"),
    page.getByRole("link", { name: "Overview" }).click({ modifiers: ["ControlOrMeta"] }),
  ]);
  await expect(other).toHaveURL(`${weir.dashboardUrl}/?range=24h`);
  await expect(errors).toBeVisible();
});

test("an_address_without_a_page_says_so_and_leads_to_those_there_are", async ({ page, weir }) => {
  const reply = await page.goto(`${weir.dashboardUrl}/nonsense?range=24h&step=a`);
  expect(reply?.status()).toBe(404);
  await expect(page).toHaveTitle("No such page – Weir");
  const main = page.getByRole("main", { name: "No such page" });

  await main.getByRole("link", { name: "Overview" }).click();
  await expect(page).toHaveURL(`${weir.dashboardUrl}/?range=24h`);
  await expect(page.getByRole("main", { name: "Overview" })).toBeFocused();

  await page.goBack();
  await expect(main).toBeVisible();
});

test("every_page_fits_every_screen_and_is_silent", async ({ page, weir }, testInfo) => {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => complaints.push(message.text()));
  await Promise.all(lastHour().map((events) => weir.send(events)));

  for (const name of PAGES) {
    await page.goto(weir.dashboardUrl);
    await page.getByRole("link", { name }).click();
    for (const screen of SCREENS) {
      await page.setViewportSize(screen);
      await expect(page.getByRole("status")).toHaveText("Live");
      await expect(page.getByTestId("data-age")).toHaveText(/^newest event/);
      expect(await sidewaysPx(page), `${name} at ${screen.width} px`).toBeLessThanOrEqual(0);
      await page.screenshot({
        path: testInfo.outputPath(`${name}-${screen.width}.png`),
        fullPage: true,
      });
    }
    // The phone comes last.
    for (const link of await page.getByRole("navigation").getByRole("link").all()) {
      await expect(link).toBeInViewport({ ratio: 1 });
      const box = await link.boundingBox();
      const side = Math.min(box?.width ?? 0, box?.height ?? 0);
      expect(side).toBeGreaterThanOrEqual(TOUCH_TARGET_PX);
    }
  }
  expect(complaints).toEqual([]);
});

function sidewaysPx(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

test("the_script_of_the_overview_is_small", async ({ page, weir }) => {
  const scripts: Promise<Buffer>[] = [];
  page.on("response", (response) => {
    if (response.url().endsWith(".js")) {
      scripts.push(response.body());
    }
  });
  await page.goto(weir.dashboardUrl);
  await expect(page.getByRole("region")).toHaveCount(4);
  const bytes = (await Promise.all(scripts)).map((script) => gzipSync(script).length);
  expect(bytes.length).toBeGreaterThan(1);
  expect(bytes.reduce((sum, length) => sum + length)).toBeLessThanOrEqual(
    OVERVIEW_SCRIPT_BYTES_MAX,
  );
});

test("a_page_that_cannot_be_loaded_leaves_the_header_and_can_be_tried_again", async ({
  page,
  weir,
}) => {
  await page.goto(weir.dashboardUrl);
  await page.route("**/assets/errors-*", (route) => route.abort());
  await page.getByRole("link", { name: "Errors" }).click();
  const failure = page.getByRole("main", { name: "Errors" }).getByRole("alert");
  await expect(failure).toBeVisible();
  await page.getByRole("link", { name: "Overview" }).click();
  await expect(page.getByRole("region")).toHaveCount(4);

  await page.unroute("**/assets/errors-*");
  await page.getByRole("link", { name: "Errors" }).click();
  await failure.getByRole("button", { name: "Load it again" }).click();
  await expect(page.getByRole("heading", { name: "Error rate" })).toBeVisible();
});
