import { readFile } from "node:fs/promises";
import { expect, type Page } from "@playwright/test";
import { visit } from "./traffic.ts";
import { test } from "./weir.ts";

const PNG_SIGNATURE = "89504e470d0a1a0a";

async function downloaded(page: Page, words: string): Promise<{ name: string; content: Buffer }> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: words }).click(),
  ]);
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
}

test("a_panel_can_be_read_as_a_table_and_saved", async ({ page, weir }) => {
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  await weir.send([...visit(0), ...visit(1), ...visit(4)]);
  await page.goto(weir.dashboardUrl);
  const panel = page.getByRole("region", { name: "Most-used features", exact: true });
  const more = panel.getByRole("button", { name: "More of Most-used features" });
  await expect(page.getByTestId("top-features-value")).toHaveText("2");

  await more.press("Enter");
  await page.keyboard.press("Escape");
  await expect(more).toBeFocused();
  await more.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const rows = panel.getByRole("row");
  await expect(rows).toHaveText(["FeatureUsersUses", "export22", "search11"]);

  await more.click();
  const csv = await downloaded(page, "Download CSV");
  expect(csv.name).toMatch(/^weir-[\d-]+-top-features\.csv$/);
  expect(csv.content.toString()).toBe("Feature,Users,Uses\r\nexport,2,2\r\nsearch,1,1\r\n");

  await more.click();
  const png = await downloaded(page, "Download PNG");
  expect(png.name).toMatch(/\.png$/);
  expect(png.content.subarray(0, 8).toString("hex")).toBe(PNG_SIGNATURE);
  const box = await panel.boundingBox();
  expect(png.content.readUInt32BE(16)).toBe(Math.round(2 * (box?.width ?? 0)));
  expect(complaints).toEqual([]);
});
