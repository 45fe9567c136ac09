import { gzipSync } from "node:zlib";
import { expect } from "@playwright/test";
import { test } from "./weir.ts";

const TOUCH_TARGET_PX = 44;
const OVERVIEW_SCRIPT_BYTES_MAX = 250_000;

test("an_address_without_a_page_says_so_and_leads_to_those_there_are", async ({ page, weir }) => {
  const reply = await page.goto(`${weir.dashboardUrl}/nonsense?range=24h&step=a`);
  expect(reply?.status()).toBe(404);
  await expect(page).toHaveTitle("No such page – Weir");
  const main = page.getByRole("main", { name: "No such page" });

  await main.getByRole("link", { name: "Overview" }).click();
  await expect(page).toHaveURL(`${weir.dashboardUrl}/?range=24h`);
  await expect(page).toHaveTitle("Overview – Weir");
  await expect(page.getByRole("main", { name: "Overview" })).toBeFocused();
  await expect(page.getByRole("radio", { name: "24h" })).toBeChecked();

  await page.goBack();
  await expect(main).toBeVisible();
});

test("on_a_phone_every_link_to_a_page_can_be_hit", async ({ page, weir }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(weir.dashboardUrl);
  for (const link of await page.getByRole("navigation").getByRole("link").all()) {
    await expect(link).toBeInViewport({ ratio: 1 });
    const box = await link.boundingBox();
    expect(Math.min(box?.width ?? 0, box?.height ?? 0)).toBeGreaterThanOrEqual(TOUCH_TARGET_PX);
  }
});

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
