import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "@playwright/test";
import { test } from "./weir.ts";

const run = promisify(execFile);

test("an_empty_panel_shows_a_line_that_fills_it", async ({ page, weir }) => {
  await page.goto(weir.dashboardUrl);
  const panel = page.getByRole("region", { name: "Sign-ups that complete" });
  const line = panel.getByTestId("curl-line");
  await expect(line).toContainText("signup_started");
  await expect(page.getByTestId("curl-line")).toHaveCount(4);
  await expect(panel.getByTestId("signup-funnel-value")).toHaveText("–");

  await run("sh", ["-c", (await line.textContent()) ?? ""]);

  await expect(panel.getByTestId("signup-funnel-value")).toHaveText("0%");
  await expect(line).toBeHidden();
  await expect(page.getByTestId("active-users-value")).toHaveText("1");
});

test("every_line_shown_is_accepted", async ({ page, weir }) => {
  await page.goto(weir.dashboardUrl);
  const lines = page.getByTestId("curl-line");
  await expect(lines).toHaveCount(4);
  for (const line of await lines.allTextContents()) {
    const { stdout } = await run("sh", [
      "-c",
      `${line} --silent --output /dev/null --write-out '%{http_code}'`,
    ]);
    expect(stdout).toBe("202");
  }
  await expect(lines).toHaveCount(0);
});

test("the_copy_button_copies_the_line", async ({ page, context, weir }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(weir.dashboardUrl);
  const panel = page.getByRole("region", { name: "Error rate" });
  await panel.getByRole("button", { name: "Copy" }).click();
  await expect(panel.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(await panel.getByTestId("curl-line").textContent());
});
