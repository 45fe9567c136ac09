import { expect } from "@playwright/test";
import { lastHour } from "./traffic.ts";
import { test } from "./weir.ts";

test("the_overview_is_compared_with_yesterday_and_the_link_says_so", async ({
  page,
  weir,
}, testInfo) => {
  // Of yesterday, every second minute: fewer, and gaps.
  const yesterday = lastHour(1).filter((_, minute) => minute % 2 === 0);
  await Promise.all([...lastHour(), ...yesterday].map((events) => weir.send(events)));
  await page.goto(weir.dashboardUrl);
  const users = page.getByRole("region", { name: "Active users" });
  await expect(users).toContainText("on the 5 before");

  await page.getByLabel("Compare with").selectOption("yesterday");
  await expect(page).toHaveURL(/\?compare=yesterday$/);
  await expect(page.getByText(/on yesterday/)).toHaveCount(4);
  await expect(users.getByText("yesterday", { exact: true })).toBeVisible();

  for (const [width, height] of [
    [1920, 1080],
    [1280, 720],
    [820, 1180],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.goto(`${weir.dashboardUrl}/?compare=yesterday`);
    await expect(page.getByText(/on yesterday/)).toHaveCount(4);
    await page.screenshot({
      path: testInfo.outputPath(`compare-${width}.png`),
      fullPage: width < 900,
    });
  }
  await page.getByLabel("Compare with").selectOption("none");
  await expect(users).toContainText("on the 5 before");
});
