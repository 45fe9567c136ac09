import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";
import { lastHour } from "./traffic.ts";
import { test, type Weir } from "./weir.ts";

const SCREENS = [
  { width: 1280, height: 720 },
  { width: 390, height: 844 },
];
/** More stops than any page has. */
const STOPS_MAX = 300;

/** Every page that the dashboard links to, and what looks different at another address of one. */
async function addresses(page: Page, weir: Weir): Promise<string[]> {
  await page.goto(weir.dashboardUrl);
  const links = await page.getByRole("navigation").getByRole("link").all();
  const paths = await Promise.all(
    links.map(async (link) => (await link.getAttribute("href")) ?? ""),
  );
  expect(paths.length).toBeGreaterThan(3);
  return [...paths, "/live?tab=rejected", "/nonsense", "/?wall=overview"];
}

async function sendAll(weir: Weir): Promise<void> {
  await Promise.all(lastHour().map((events) => weir.send(events)));
  const bad = [{ event_name: "page_view" }, ...(lastHour()[0] ?? [])];
  await fetch(`${weir.ingestUrl}/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(bad),
  });
}

async function open(page: Page, weir: Weir, path: string): Promise<void> {
  await page.goto(`${weir.dashboardUrl}${path}`);
  await expect(page.getByRole("main")).not.toBeEmpty();
  await expect(page.getByRole("status")).toHaveText(/^(Live|)$/);
  await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
}

async function expectNoViolations(page: Page, where: string): Promise<void> {
  const { violations, passes } = await new AxeBuilder({ page }).analyze();
  expect(passes.map(({ id }) => id)).toContain("color-contrast");
  const found = violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`,
  );
  expect(found, where).toEqual([]);
}

test("axe_finds_no_violation_on_any_page_full_or_empty", async ({ page, weir }) => {
  test.setTimeout(240_000);
  const paths = await addresses(page, weir);
  for (const filled of [false, true]) {
    if (filled) {
      await sendAll(weir);
    }
    for (const screen of SCREENS) {
      await page.setViewportSize(screen);
      for (const path of paths) {
        await open(page, weir, path);
        await expectNoViolations(
          page,
          `${path} at ${screen.width} px, ${filled ? "full" : "empty"}`,
        );
      }
    }
  }
});

test("axe_finds_no_violation_in_what_is_opened", async ({ page, weir }) => {
  await sendAll(weir);
  await open(page, weir, "/");
  await page.getByRole("button", { name: "More of Active users" }).click();
  await expectNoViolations(page, "a panel's menu");
  await page.getByRole("button", { name: "Show as table" }).click();
  await expectNoViolations(page, "a panel as a table");
  for (const path of ["/live", "/live?tab=rejected"]) {
    await open(page, weir, path);
    await page.locator("button[aria-expanded=false]").first().click();
    await expectNoViolations(page, `${path}, a row opened`);
  }
});

interface Stop {
  /** The same for the same element, 0 for the first of the page. */
  id: number;
  name: string;
  isInView: boolean;
  hasRing: boolean;
}

/** What has the focus, and whether one can see that. Null when nothing of the page has it. */
function stop(page: Page): Promise<Stop | null> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element === null || element === document.body) {
      return null;
    }
    const known = window as unknown as { stops?: Element[] };
    known.stops ??= [];
    if (!known.stops.includes(element)) {
      known.stops.push(element);
    }
    // The ring of a hidden radio button is around its label, and that of a row's button around the row.
    const marked = [
      element,
      element.closest("label"),
      element.closest("tr"),
      element.parentElement,
    ];
    const box = element.getBoundingClientRect();
    return {
      id: known.stops.indexOf(element),
      name: `${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent?.slice(0, 40)}`,
      isInView: box.bottom > 0 && box.top < window.innerHeight,
      hasRing: marked.some((one) => {
        const style = one === null ? null : getComputedStyle(one);
        return style !== null && style.outlineStyle !== "none" && style.outlineWidth !== "0px";
      }),
    };
  });
}

test("the_keyboard_reaches_everything_sees_where_it_is_and_gets_out_again", async ({
  page,
  weir,
}) => {
  test.setTimeout(240_000);
  await sendAll(weir);
  for (const path of await addresses(page, weir)) {
    await open(page, weir, path);
    const names: string[] = [];
    const seen = new Set<number>();
    await page.keyboard.press("Tab");
    let at = await stop(page);
    // Behind the last stop comes nothing, or the first again.
    while (at !== null && (at.id > 0 || seen.size === 0)) {
      expect(at, `${path}: ${at.name}`).toMatchObject({ isInView: true, hasRing: true });
      expect(seen.has(at.id), `${path}: back at ${at.name}`).toBe(false);
      seen.add(at.id);
      names.push(at.name);
      expect(seen.size, `${path}: no end`).toBeLessThan(STOPS_MAX);
      await page.keyboard.press("Tab");
      at = await stop(page);
    }
    const last = path.includes("wall") ? "BUTTON Leave (Esc)" : "BUTTON Wall mode";
    expect(names.at(-1), path).toBe(last);
  }
});

test("the_first_stop_skips_to_the_page", async ({ page, weir }) => {
  await page.goto(`${weir.dashboardUrl}/?range=4h`);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the page" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  await expect(page).toHaveURL(`${weir.dashboardUrl}/?range=4h#page`);
});

test("nothing_moves_for_those_who_asked_for_less_motion", async ({ page, weir }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await sendAll(weir);
  for (const path of await addresses(page, weir)) {
    await open(page, weir, path);
    await weir.send(lastHour()[1] ?? []);
    await expect(page.getByRole("status")).toHaveText(/^(Live|)$/);
    const moving = await page.evaluate(() => document.getAnimations().length);
    expect(moving, path).toBe(0);
  }
});
