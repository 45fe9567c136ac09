import { expect, type Locator, type Page } from "@playwright/test";
import { type Event, test } from "./weir.ts";

const MINUTE_MS = 60_000;
const STEPS = ["signup_started", "verification_email_sent", "email_verified", "signup_completed"];
const SCREENS = [
  { width: 1920, height: 1080 },
  { width: 1280, height: 720 },
  { width: 820, height: 1180 },
  { width: 390, height: 844 },
];
const TOUCH_TARGET_PX = 44;

/** One person's first `taken` steps, a second apart. */
function signup(person: string, startMs: number, taken: number, email_domain: string): Event[] {
  return STEPS.slice(0, taken).map((event_name, index) => ({
    event_name,
    session_id: `session-of-${person}`,
    device_type: index % 2 === 0 ? "desktop" : "mobile",
    country_code: "PT",
    timestamp: new Date(startMs + 1_000 * index).toISOString(),
    properties: event_name === "signup_started" ? { email_domain, seats: 3 } : {},
  }));
}

/** So many people, of whom some took all steps and the others two. */
function signups(people: number, completed: number): Event[] {
  const startMs = Date.now() - 10 * MINUTE_MS;
  return Array.from({ length: people }, (_, index) =>
    signup(`${index}`, startMs, index < completed ? 4 : 2, "gmx.de"),
  ).flat();
}

/** A group's rate bucket by bucket, as its panel's table has it. */
async function ratesOverTime(panel: Locator): Promise<(string | undefined)[]> {
  const rows = await panel.getByRole("row").allInnerTexts();
  return rows.slice(1).map((row) => row.split("\t").find((cell) => cell.trim().endsWith("%")));
}

test("a_funnel_is_built_by_keyboard", async ({ page, weir }) => {
  await weir.send(signups(4, 1));
  await page.goto(`${weir.dashboardUrl}/funnels`);
  const first = page.getByRole("combobox", { name: "Add step 1" });
  await first.focus();
  await page.keyboard.type("sign");
  await expect(page.getByRole("listbox").getByRole("option")).toHaveText([
    "signup_started4",
    "signup_completed1",
    "signnot seen yet",
  ]);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?steps=signup_started&/);
  // The focus is where the next step is typed.
  await page.keyboard.type("completed");
  await page.keyboard.press("Enter");
  await page.keyboard.type("email_v");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?steps=signup_started,signup_completed,email_verified&/);
  await expect(page.getByTestId("funnel-steps-value")).toHaveText("0%");

  await page.getByRole("button", { name: "Move step 3, email_verified, up" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?steps=signup_started,email_verified,signup_completed&/);
  await expect(page.getByRole("button", { name: "Move step 2, email_verified, up" })).toBeFocused();
  await expect(page.getByTestId("funnel-steps-value")).toHaveText("25%");
  await expect(page.getByRole("listitem").filter({ hasText: "Most leave here" })).toContainText(
    "Most leave here: − 3, 75%",
  );

  await page.getByRole("button", { name: "Remove step 2, email_verified" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?steps=signup_started,signup_completed&/);
  await page.goBack();
  await expect(page).toHaveURL(/\?steps=signup_started,email_verified,signup_completed&/);
  await page.reload();
  await expect(page.getByRole("combobox", { name: "Event of step 2" })).toHaveValue(
    "email_verified",
  );
});

test("a_filter_applies_as_it_is_typed_and_the_picture_before_stays_until_the_next", async ({
  page,
  weir,
}) => {
  await weir.send([...signups(4, 1), ...signup("ada", Date.now() - MINUTE_MS, 4, "gmail.com")]);
  await page.goto(`${weir.dashboardUrl}/funnels?steps=signup_started,signup_completed`);
  const value = page.getByTestId("funnel-steps-value");
  const panel = page.getByRole("region", { name: "Where people leave" });
  await expect(value).toHaveText("40%");

  const add = page.getByRole("button", { name: "Add a filter to step 1" });
  await add.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Field of a filter of step 1")).toBeFocused();
  await page.getByLabel("Field of a filter of step 1").selectOption("properties.email_domain");
  await expect(page.getByText("Applies when it has a value.")).toBeVisible();
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route("**/api/funnel", async (route) => {
    await held;
    await route.continue();
  });
  const typed = page.getByLabel("Value of a filter of step 1");
  await typed.pressSequentially("gmail.com");
  await expect(page).toHaveURL(/filter=1:properties\.email_domain:%3D:gmail\.com/);
  await expect(panel).toHaveAttribute("aria-busy", "true");
  await expect(value).toHaveText("40%");
  answer();
  await expect(value).toHaveText("100%");
  await expect(panel).toHaveAttribute("aria-busy", "false");
  await expect(typed).toBeFocused();
  await page.unroute("**/api/funnel");

  await page.getByLabel("How a filter of step 1 compares").selectOption("!=");
  await expect(value).toHaveText("25%");
  await page.getByRole("button", { name: "Remove the filter of step 1 by email_domain" }).focus();
  await page.keyboard.press("Enter");
  await expect(value).toHaveText("40%");
  await expect(add).toBeFocused();
});

test("a_link_shows_the_same_funnel", async ({ page, weir }) => {
  await weir.send(signups(5, 2));
  await page.goto(
    `${weir.dashboardUrl}/funnels?steps=${STEPS}&window=10m&range=1h&breakdown=properties.email_domain` +
      "&filter=1:country_code:=:PT&filter=1:properties.seats:<:4&filter=7:device_type:exists",
  );
  await expect(page.getByTestId("funnel-steps-value")).toHaveText("40%");
  for (const [index, step] of STEPS.entries()) {
    const picker = page.getByRole("combobox", { name: `Event of step ${index + 1}` });
    await expect(picker).toHaveValue(step);
  }
  await expect(page.getByLabel("Completed within")).toHaveValue("10m");
  await expect(page.getByLabel("Started in the last")).toHaveValue("1h");
  await expect(page.getByLabel("Broken down by")).toHaveValue("properties.email_domain");
  await expect(page.getByLabel("Value of a filter of step 1")).toHaveCount(2);
  await expect(
    page.getByText("Left out, since it cannot be read: filter=7:device_type:exists"),
  ).toBeVisible();
});

test("what_cannot_be_asked_is_said_by_the_server", async ({ page, weir }) => {
  await weir.send(signups(2, 1));
  await page.goto(`${weir.dashboardUrl}/funnels?steps=${STEPS}&window=soon`);
  await expect(page.getByTestId("panel-state").first()).toContainText(
    "a length of time is a number and m, h or d, such as 90m, 4h or 7d",
  );
  await page.getByLabel("Completed within").selectOption("1h");
  await expect(page.getByTestId("funnel-steps-value")).toHaveText("50%");
});

test("an_empty_page_offers_a_funnel_of_what_was_seen", async ({ page, weir }) => {
  await page.goto(`${weir.dashboardUrl}/funnels`);
  await expect(page.getByText("A funnel counts who takes one step after the other")).toBeVisible();
  await weir.send(signups(4, 3));
  await page.getByRole("link", { name: STEPS.join(" → ") }).click();
  await expect(page.getByTestId("funnel-steps-value")).toHaveText("75%");
  await page.getByRole("button", { name: "email_domain" }).click();
  await expect(page).toHaveURL(/breakdown=properties\.email_domain/);
  await expect(page.getByRole("row", { name: /^gmx\.de/ })).toContainText("75%");
});

test("a_funnel_is_saved_opened_replaced_and_deleted", async ({ page, weir }) => {
  await weir.send(signups(4, 1));
  await page.goto(`${weir.dashboardUrl}/funnels?steps=signup_started,signup_completed&range=4h`);
  const saved = page.getByRole("region", { name: "Saved funnels" });
  const name = saved.getByLabel("Name to save this funnel under");
  const dialog = page.getByRole("dialog");

  await page.route("**/api/funnels/*", (route) => route.abort());
  await name.fill("Sign-up / 登録 50%");
  await page.keyboard.press("Enter");
  await expect(saved.getByRole("alert")).toHaveText("■ The server cannot be reached");
  await page.unroute("**/api/funnels/*");
  await page.keyboard.press("Enter");
  const link = saved.getByRole("link", { name: "Sign-up / 登録 50%" });
  await expect(link).toHaveAttribute("aria-current", "true");
  await expect(saved.getByRole("alert")).toBeHidden();

  await page.getByLabel("Started in the last").selectOption("1h");
  await expect(link).not.toHaveAttribute("aria-current");
  await name.fill("Sign-up / 登録 50%");
  await page.keyboard.press("Enter");
  await expect(dialog).toContainText("Replace “Sign-up / 登録 50%” by this funnel?");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await saved.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("button", { name: "Replace" }).click();
  await expect(link).toHaveAttribute("aria-current", "true");

  await page.goto(`${weir.dashboardUrl}/funnels`);
  await link.click();
  await expect(page).toHaveURL(/steps=signup_started,signup_completed&window=1h&range=1h/);
  await expect(page.getByTestId("funnel-steps-value")).toHaveText("25%");
  await saved.getByRole("button", { name: "Delete Sign-up" }).click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(link).toBeHidden();
});

test("a_funnel_follows_what_is_stored_and_outlives_the_server", async ({ page, weir }) => {
  await weir.send(signups(4, 1));
  await page.goto(`${weir.dashboardUrl}/funnels?steps=signup_started,signup_completed`);
  const value = page.getByTestId("funnel-steps-value");
  await expect(value).toHaveText("25%");
  await weir.send(signup("ada", Date.now() - MINUTE_MS, 4, "gmx.de"));
  await expect(value).toHaveText("40%");
  await weir.stop();
  await expect(page.getByTestId("panel-state").first()).toContainText(
    "The server cannot be reached",
  );
  await expect(value).toHaveText("40%");
});

/** Gmail's addresses could not be verified for ten minutes, which ended 25 minutes ago. */
function incident(): Event[][] {
  const nowMs = Date.now();
  return Array.from({ length: 45 }, (_, index) => {
    const minutesAgo = 10 + index;
    const startMs = nowMs - minutesAgo * MINUTE_MS;
    const broken = minutesAgo > 25 && minutesAgo <= 35;
    return Array.from({ length: 8 }, (_, person) => {
      const domain = person < 4 ? "gmail.com" : ["gmx.de", "proton.me"][person % 2];
      const taken = broken && domain === "gmail.com" ? 2 : 4;
      return signup(`${minutesAgo}-${person}`, startMs, taken, domain ?? "");
    }).flat();
  });
}

test("the_story_is_told: gmail_drops_at_the_verification_and_recovers", async ({ page, weir }) => {
  for (const events of incident()) {
    await weir.send(events);
  }
  await page.goto(
    `${weir.dashboardUrl}/funnels?steps=${STEPS}&window=5m&range=1h&breakdown=properties.email_domain`,
  );
  const steps = page.getByRole("region", { name: "Where people leave" });
  await expect(page.getByTestId("funnel-steps-value")).toHaveText("88.9%");
  await expect(steps.getByRole("listitem").nth(2)).toContainText("Most leave here: − 40, 11.1%");

  const groups = page.getByRole("region", { name: "Who leaves" });
  await expect(page.getByTestId("funnel-breakdown-value")).toHaveText("77.8%");
  await expect(groups).toContainText("go on to email_verified, others 100%");
  await expect(groups).toContainText(
    /40 people fewer than if they did as the others, worst from \d\d:\d\d to \d\d:\d\d/,
  );
  const gmail = groups.getByRole("row", { name: /gmail\.com/ });
  await expect(gmail.getByRole("cell").nth(2)).toContainText("77.8% ▼ others 100%");
  await groups.getByRole("button", { name: "email_verified of the step before" }).click();
  await expect(groups.getByRole("row").nth(1)).toContainText("gmail.com");
  await expect(
    groups.getByRole("columnheader", { name: "email_verified of the step before" }),
  ).toHaveAttribute("aria-sort", "ascending");

  await gmail.getByRole("button").click();
  await expect(page).toHaveURL(/group=%3Dgmail\.com/);
  const overTime = page.getByRole("region", { name: "Completed, over time" });
  await expect(page.getByTestId("funnel-over-time-value")).toHaveText("100%");
  await expect(overTime).toContainText(/lowest 0% at \d\d:\d\d, highest 100%/);
  await overTime.getByRole("button", { name: "More of Completed, over time" }).click();
  await overTime.getByRole("button", { name: "Show as table" }).click();
  await expect(overTime.getByRole("row").first()).toContainText("Rate of all");
  const rates = (await ratesOverTime(overTime)).map((rate) => Number.parseFloat(rate ?? ""));
  const lowest = rates.indexOf(0);
  expect(rates.slice(0, lowest)).toContain(100);
  expect(rates.slice(lowest)).toContain(100);
});

const LONG = "an_event_with_a_name_of_sixty_four_characters_which_is_the_limit";
const NAMES = [
  "a-domain-name-that-is-as-long-as-sixty-characters-and-more.example.com",
  "日本語ドメイン名前がとても長くて一行に収まりきらないかもしれません。みんな",
  "نطاق-طويل-جدا-لا-يتسع-له-سطر-واحد-على-الهاتف.example",
];

test("a_funnel_of_long_names_fits_every_screen_and_every_finger", async ({
  page,
  weir,
}, testInfo) => {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => complaints.push(message.text()));
  const events = NAMES.flatMap((name, index) =>
    signup(`${index}`, Date.now() - MINUTE_MS, 4, name),
  );
  await weir.send([...events, ...events.map((event) => ({ ...event, event_name: LONG }))]);
  const ten = [...STEPS, LONG, ...STEPS, LONG];
  for (const screen of SCREENS) {
    await page.setViewportSize(screen);
    for (const search of ["", `?steps=${ten}&breakdown=properties.email_domain`]) {
      await page.goto(`${weir.dashboardUrl}/funnels${search}`);
      await expect(page.getByRole("status")).toHaveText("Live");
      await expect(page.getByRole("row")).toHaveCount(search === "" ? 0 : 1 + NAMES.length);
      expect(await sidewaysPx(page), `${screen.width} px`).toBeLessThanOrEqual(0);
      await page.screenshot({
        path: testInfo.outputPath(`${screen.width}-${search === "" ? "empty" : "long"}.png`),
        fullPage: true,
      });
    }
  }
  // The phone came last, where the controls are folded.
  await page.getByRole("button", { name: "Change" }).click();
  for (const control of await page.getByRole("main").locator("button, input, select").all()) {
    if (await control.isVisible()) {
      const box = await control.boundingBox();
      const what = await control.evaluate((element) => element.outerHTML.slice(0, 200));
      const side = Math.min(box?.width ?? 0, box?.height ?? 0);
      expect(side, what).toBeGreaterThanOrEqual(TOUCH_TARGET_PX);
    }
  }
  expect(await sidewaysPx(page)).toBeLessThanOrEqual(0);
  expect(complaints).toEqual([]);
});

function sidewaysPx(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
