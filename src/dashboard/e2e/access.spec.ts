import { expect } from "@playwright/test";
import { test as base, Weir } from "./weir.ts";

/** A Weir that asks who it is, with the secrets that it has told. */
const test = base.extend<{ guarded: { weir: Weir; password: string; writeKey: string } }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern.
  guarded: async ({}, use) => {
    const weir = await Weir.create({ WEIR_AUTH: "required" });
    try {
      await weir.start();
      const told = (name: string) => new RegExp(`${name} +(\\S+)`).exec(weir.printed)?.[1] ?? "";
      await expect.poll(() => told("Password")).not.toBe("");
      await use({ weir, password: told("Password"), writeKey: told("Write key") });
    } finally {
      await weir.remove();
    }
  },
});

test("whoever_has_the_password_signs_in_and_out", async ({ page, guarded }) => {
  const { weir, password } = guarded;
  await page.goto(`${weir.dashboardUrl}/errors?range=24h`);
  await expect(page.getByRole("heading", { name: "Sign in to Weir" })).toBeVisible();
  await expect(page.getByLabel("Password")).toBeFocused();
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toHaveText("This is not the password.");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  // Where the link led, with all that was chosen there.
  await expect(page.getByRole("main", { name: "Errors" })).toBeVisible();
  await expect(page).toHaveURL(`${weir.dashboardUrl}/errors?range=24h`);
  expect(await page.evaluate(() => document.cookie)).toBe("");

  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Sign in to Weir" })).toBeVisible();
});

test("a_key_is_made_used_and_revoked_on_the_setup_page", async ({ page, guarded }) => {
  const { weir, password } = guarded;
  await signIn(page, weir, password, "/setup");
  const card = page.getByRole("region", { name: "Keys, tokens and links" });
  await expect(card.getByText("Write key for any site")).toBeVisible();
  await expect(page.getByTestId("browser-snippet")).toContainText("/events?write_key=wk_…");
  await card.getByLabel("Name").fill("web shop");
  await card.getByLabel("Sites that may send with it").fill("https://shop.example.com");
  await card.getByRole("button", { name: "Make" }).click();
  const key = (await card.getByTestId("secret").textContent()) ?? "";
  expect(await sent(weir, key)).toBe(202);
  await expect(card.getByText("Write key for https://shop.example.com")).toBeVisible();
  await card.getByRole("button", { name: "Revoke web shop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(card.getByText("web shop")).toHaveCount(0);
  await expect.poll(() => sent(weir, key)).toBe(401);
});

test("a_link_shows_its_page_live_and_no_other", async ({ page, browser, guarded }) => {
  const { weir, password, writeKey } = guarded;
  expect(await sent(weir, writeKey)).toBe(202);
  await signIn(page, weir, password, "/?range=4h");
  await page.getByRole("button", { name: "Share" }).click();
  const dialog = page.getByRole("dialog", { name: "Share this page" });
  await dialog.getByLabel("For whom, or what").fill("lobby");
  await dialog.getByRole("button", { name: "Make a link" }).click();
  const link = (await dialog.getByTestId("share-link").textContent()) ?? "";

  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(link);
  await expect(stranger).toHaveURL(`${weir.dashboardUrl}/?range=4h`);
  const main = stranger.getByRole("main", { name: "Overview" });
  await expect(main.getByTestId("panel-state").first()).toHaveAttribute(
    "data-state",
    /fresh|stale/,
  );
  await expect(stranger.getByRole("navigation", { name: "Pages" }).getByRole("link")).toHaveText([
    "Overview",
  ]);
  for (const name of ["Annotate", "Share", "Sign out"]) {
    await expect(stranger.getByRole("button", { name })).toHaveCount(0);
  }
  await stranger.context().close();
});

test("a_link_may_ask_all_that_its_page_asks", async ({ page, browser, guarded }) => {
  const { weir, password, writeKey } = guarded;
  expect(await sent(weir, writeKey)).toBe(202);
  await signIn(page, weir, password, "/");
  for (const path of ["/", "/funnels?steps=page_view,page_view", "/features", "/errors"]) {
    const made = await page.request.post(`${weir.dashboardUrl}/api/credentials`, {
      data: { kind: "share_link", name: path, page: path, days: 1 },
    });
    const { secret } = (await made.json()) as { secret: string };
    const stranger = await (await browser.newContext()).newPage();
    const refused: string[] = [];
    stranger.on("response", (reply) => {
      if (reply.status() >= 400) {
        refused.push(`${reply.status()} ${reply.url()}`);
      }
    });
    await stranger.goto(`${weir.dashboardUrl}/share/${secret}`);
    const states = stranger.getByTestId("panel-state");
    await expect(states.first()).toBeVisible();
    await expect(states.and(stranger.locator("[data-state=loading]"))).toHaveCount(0);
    expect(refused, path).toEqual([]);
    await stranger.context().close();
  }
});

async function signIn(
  page: import("@playwright/test").Page,
  weir: Weir,
  password: string,
  path: string,
): Promise<void> {
  await page.goto(`${weir.dashboardUrl}${path}`);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Sign out", exact: true })).toBeVisible();
}

async function sent(weir: Weir, key: string): Promise<number> {
  const event = {
    event_name: "page_view",
    session_id: "s1",
    device_type: "desktop",
    country_code: "DE",
  };
  const reply = await fetch(`${weir.ingestUrl}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify([event]),
  });
  return reply.status;
}
