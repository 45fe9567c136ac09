import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { expect } from "@playwright/test";
import { test } from "./weir.ts";

const run = promisify(execFile);

test("setup_leads_from_an_empty_installation_to_the_first_event", async ({ page, weir }) => {
  await page.goto(`${weir.dashboardUrl}/setup`);
  const health = page.getByRole("region", { name: "Health" });
  await expect(health.getByTestId("health")).toHaveText(/Ready\. No event has arrived yet/);
  await expect(health).toContainText("90 days");
  await expect(page.getByTestId("browser-snippet")).toContainText(`"${weir.ingestUrl}/events"`);

  await run("sh", ["-c", (await page.getByTestId("curl-line").textContent()) ?? ""]);

  await expect(health.getByTestId("health")).toHaveText("What arrives is stored and can be seen.");
  await expect(health.getByTestId("health")).toHaveAttribute("data-state", "good");
  await expect(health.getByText("Events kept").locator("xpath=..")).toContainText("1");
});

test("the_snippet_for_browsers_sends_an_event", async ({ page, weir }) => {
  await page.goto(`${weir.dashboardUrl}/setup`);
  const snippet = (await page.getByTestId("browser-snippet").textContent()) ?? "";
  // A page of the product, which is of another origin than either listener.
  const product = createServer((_, response) => response.end("<!doctype html>")).listen(
    0,
    "127.0.0.1",
  );
  await once(product, "listening");
  await page.goto(`http://127.0.0.1:${(product.address() as AddressInfo).port}`);
  await page.evaluate(snippet);
  await page.goto(`${weir.dashboardUrl}/setup`);
  product.close();
  await expect(page.getByTestId("health")).toHaveText("What arrives is stored and can be seen.");
});

test("what_was_rejected_is_told_with_the_reason", async ({ page, weir }) => {
  await fetch(`${weir.ingestUrl}/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify([
      { event_name: "a", session_id: "s", device_type: "watch", country_code: "DE" },
    ]),
  });
  await page.goto(`${weir.dashboardUrl}/setup`);
  const row = page.getByRole("region", { name: /Rejected/ }).getByRole("row", { name: /watch|…/ });
  await expect(row).toContainText("device_type");
  await expect(row).toContainText("is none of desktop, mobile, tablet, other");
});

test("every_snippet_is_copied_by_its_own_button", async ({ page, context, weir }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${weir.dashboardUrl}/setup`);
  for (const [name, testId] of [
    ["From a shell", "curl-line"],
    ["From a browser", "browser-snippet"],
    ["Mark a moment", "annotation-line"],
  ] as const) {
    await page.getByRole("button", { name: new RegExp(`^Copy ${name}`) }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(await page.getByTestId(testId).textContent());
  }
  await run("sh", ["-c", (await page.getByTestId("annotation-line").textContent()) ?? ""]);
  const reply = await fetch(`${weir.dashboardUrl}/api/annotations`);
  expect((await reply.json()).annotations).toMatchObject([{ text: "version 1.2 deployed" }]);
});

test("an_outage_is_said_and_what_was_known_stays", async ({ page, weir }) => {
  await page.goto(`${weir.dashboardUrl}/setup`);
  await expect(page.getByTestId("health")).toHaveAttribute("data-state", "good");
  await weir.stop();
  await expect(page.getByTestId("health")).toHaveText(/cannot be reached/);
  await expect(page.getByRole("region", { name: "Health" })).toContainText("90 days");
});
