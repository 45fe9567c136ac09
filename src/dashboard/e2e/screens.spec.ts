import { expect } from "@playwright/test";
import { lastHour } from "./traffic.ts";
import { test } from "./weir.ts";

const SCREENS = [
  { width: 1920, height: 1080 },
  { width: 1280, height: 720 },
  { width: 820, height: 1180 },
  { width: 390, height: 844 },
];
const DESK_WIDTH = 900;
const WALL_FIGURE_PX = 72;

test("every_screen_is_whole_and_silent", async ({ page, weir }, testInfo) => {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      complaints.push(message.text());
    }
  });
  const requests = lastHour();
  await Promise.all(requests.map((events) => weir.send(events)));
  const started = requests.flat().filter((event) => event.event_name === "signup_started").length;

  for (const screen of SCREENS) {
    await page.setViewportSize(screen);
    await page.goto(weir.dashboardUrl);
    await expect(page.getByRole("status")).toHaveText("Live");
    await expect(page.getByText(`of ${started} in the last hour`)).toBeVisible();
    await expect(page.getByRole("region")).toHaveCount(4);
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - window.innerWidth,
    );
    expect(overflow, `scrolls sideways at ${screen.width} px`).toBeLessThanOrEqual(0);
    if (screen.width >= DESK_WIDTH) {
      for (const panel of await page.getByRole("region").all()) {
        await expect(panel).toBeInViewport({ ratio: 1 });
      }
    }
    await page.screenshot({
      path: testInfo.outputPath(`${screen.width}x${screen.height}.png`),
      fullPage: screen.width < DESK_WIDTH,
    });
  }
  expect(complaints).toEqual([]);
});

test("the_large_values_can_be_read_across_a_room", async ({ page, weir }) => {
  await page.setViewportSize({ width: 1920, height: 1080 });
  await page.goto(weir.dashboardUrl);
  for (const name of ["active-users", "signup-funnel", "top-features", "error-rate"]) {
    const size = await page
      .getByTestId(`${name}-value`)
      .evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize));
    expect(size).toBeGreaterThanOrEqual(WALL_FIGURE_PX);
  }
});
