import { expect, type Page } from "@playwright/test";
import { visit } from "./traffic.ts";
import { test } from "./weir.ts";

const STREAM = "**/api/stream";

/** What the page asks for from now on. */
function asked(page: Page): string[] {
  const paths: string[] = [];
  page.on("request", (request) => paths.push(new URL(request.url()).pathname));
  return paths;
}

test("a_flush_is_on_the_screen_without_a_poll", async ({ page, weir }) => {
  await page.clock.install();
  await weir.send(visit(1));
  const streamed = page.waitForResponse(STREAM);
  await page.goto(weir.dashboardUrl);
  await streamed;
  const users = page.getByTestId("active-users-value");
  await expect(users).toHaveText("1");
  await expect(page.getByRole("status")).toHaveText("Live");
  // The poll of before the stream was open, if there is one, and its answer.
  await page.clock.runFor(6_000);
  await expect(page.getByRole("status")).toHaveText("Live");

  const paths = asked(page);
  await page.clock.runFor(20_000);
  expect(paths).toEqual([]);
  await weir.send(visit(2));
  await expect(users).toHaveText("2");
  expect(paths).toContain("/api/queries/active_users");
});

test("a_page_whose_stream_breaks_polls_and_says_so_and_goes_back_by_itself", async ({
  page,
  weir,
}) => {
  await page.route(STREAM, (route) => route.abort());
  await weir.send(visit(1));
  await page.goto(weir.dashboardUrl);
  const light = page.getByRole("status");
  const users = page.getByTestId("active-users-value");
  await expect(light).toHaveText("Polling every 5 s: the stream broke");
  await expect(light).toHaveAttribute("data-state", "yellow");
  await expect(users).toHaveText("1");
  await weir.send(visit(2));
  await expect(users).toHaveText("2");
  await expect(light).toHaveText("Polling every 5 s: the stream broke");

  await page.unroute(STREAM);
  await expect(light).toHaveText("Live", { timeout: 40_000 });
});

test("after_a_restart_the_page_is_told_again", async ({ page, weir }) => {
  await weir.send(visit(1));
  await page.goto(weir.dashboardUrl);
  const light = page.getByRole("status");
  const users = page.getByTestId("active-users-value");
  await expect(users).toHaveText("1");
  await weir.stop();
  await expect(light).toHaveText("Unreachable: all panels");
  const streamed = page.waitForResponse(STREAM, { timeout: 60_000 });
  await weir.start();
  await streamed;
  await expect(light).toHaveText("Live");

  const paths = asked(page);
  await weir.send(visit(2));
  await expect(users).toHaveText("2");
  expect(paths).not.toContain("/api/stream");
});

test("a_hidden_page_has_no_stream_and_asks_when_it_is_seen_again", async ({ page, weir }) => {
  await weir.send(visit(1));
  const streamed = page.waitForRequest(STREAM);
  await page.goto(weir.dashboardUrl);
  const users = page.getByTestId("active-users-value");
  await expect(users).toHaveText("1");
  const left = page.waitForEvent("requestfailed", (request) => request.url().includes("/stream"));
  await streamed;
  await setHidden(page, true);
  await left;
  await weir.send(visit(2));
  const again = page.waitForRequest(STREAM);
  await setHidden(page, false);
  await again;
  await expect(users).toHaveText("2");
});

/** As when another tab is chosen. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((isHidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
    Object.defineProperty(document, "visibilityState", {
      configurable: true,
      get: () => (isHidden ? "hidden" : "visible"),
    });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}
