import { expect } from "@playwright/test";
import { lastHour } from "./traffic.ts";
import { test, type Weir } from "./weir.ts";

test("a_moment_is_marked_on_all_time_charts_and_unmarked_again", async ({
  page,
  weir,
}, testInfo) => {
  await Promise.all(lastHour().map((events) => weir.send(events)));
  await page.goto(weir.dashboardUrl);
  await expect(page.getByRole("region")).toHaveCount(4);
  const marks = page.getByTestId("annotation");
  await expect(marks).toHaveCount(0);

  await page.getByRole("button", { name: "Annotate" }).click();
  await expect(page.getByLabel("Text")).toBeFocused();
  await page.keyboard.type("fix deployed");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(marks).toHaveCount(3);
  await expect(marks.first().locator("title")).toHaveText(/^Annotation, \d\d:\d\d: fix deployed$/);

  await annotate(weir, "campaign started in all of the north", 40);
  await expect(marks).toHaveCount(6);
  for (const [width, height] of [
    [1920, 1080],
    [1280, 720],
    [820, 1180],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await expect(marks).toHaveCount(6);
    await page.screenshot({
      path: testInfo.outputPath(`annotations-${width}.png`),
      fullPage: width < 900,
    });
  }

  await page.getByRole("button", { name: "Annotate" }).click();
  await page.screenshot({ path: testInfo.outputPath("form-390.png") });
  await page.getByRole("button", { name: "Delete fix deployed" }).click();
  await expect(marks).toHaveCount(3);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Annotate" })).toBeFocused();
});

test("who_has_no_pointer_reads_a_mark_with_the_figures_of_its_minute", async ({ page, weir }) => {
  await Promise.all(lastHour().map((events) => weir.send(events)));
  await annotate(weir, "campaign started", 40);
  await page.goto(weir.dashboardUrl);
  await expect(page.getByTestId("annotation")).toHaveCount(3);
  const users = page.getByRole("region", { name: "Active users", exact: true });
  const read = users.getByRole("paragraph").filter({ hasText: "campaign started" });
  await users.getByRole("application").focus();
  for (let minute = 0; minute < 60 && !(await read.isVisible()); minute += 1) {
    await page.keyboard.press("ArrowRight");
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  await expect(read).toBeVisible();
  await users.getByRole("button", { name: "More of Active users" }).click();
  await users.getByRole("button", { name: "Show as table" }).click();
  await expect(users.getByRole("row").filter({ hasText: "campaign started" })).toHaveCount(1);
});

/** As whatever deploys does it. */
async function annotate(weir: Weir, text: string, minutesAgo: number): Promise<void> {
  const reply = await fetch(`${weir.dashboardUrl}/api/annotations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text, at: new Date(Date.now() - minutesAgo * 60_000).toISOString() }),
  });
  expect(reply.status).toBe(201);
}

test("other_open_pages_are_told_of_a_mark_and_of_its_end", async ({ page, context, weir }) => {
  await Promise.all(lastHour().map((events) => weir.send(events)));
  const other = await context.newPage();
  for (const each of [page, other]) {
    await each.goto(weir.dashboardUrl);
    await expect(each.getByRole("status")).toHaveText("Live");
  }
  // Asked for as the page opened. No event comes: what is told next is the mark.
  await expect(other.getByRole("region")).toHaveCount(4);
  await page.getByRole("button", { name: "Annotate" }).click();
  await page.getByLabel("Text").fill("fix deployed");
  await page.keyboard.press("Enter");
  const marks = other.getByTestId("annotation");
  await expect(marks).toHaveCount(3);
  await page.getByRole("button", { name: "Annotate" }).click();
  await page.getByRole("button", { name: "Delete fix deployed" }).click();
  await expect(marks).toHaveCount(0);
});

test("an_annotation_that_is_refused_says_why_and_stays_to_be_mended", async ({ page, weir }) => {
  await page.goto(weir.dashboardUrl);
  await page.getByRole("button", { name: "Annotate" }).click();
  await page.getByLabel("Text").fill("fix deployed");
  await weir.stop();
  await page.getByRole("button", { name: "Add" }).click();
  await expect(page.getByRole("alert")).toHaveText("The server cannot be reached");
  await expect(page.getByLabel("Text")).toHaveValue("fix deployed");
});
