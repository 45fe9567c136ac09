import { type CDPSession, expect } from "@playwright/test";
import { lastHour } from "./traffic.ts";
import { test } from "./weir.ts";

const MINUTE_MS = 60_000;

interface Memory {
  heapBytes: number;
  nodes: number;
  listeners: number;
}

async function memory(devtools: CDPSession): Promise<Memory> {
  await devtools.send("HeapProfiler.collectGarbage");
  const { metrics } = await devtools.send("Performance.getMetrics");
  const named = new Map(metrics.map(({ name, value }) => [name, value]));
  const metric = (name: string) => named.get(name) ?? Number.NaN;
  return {
    heapBytes: metric("JSHeapUsedSize"),
    nodes: metric("Nodes"),
    listeners: metric("JSEventListeners"),
  };
}

// A trace would hold what the page has let go.
test.use({ trace: "off" });

test("a_wall_takes_no_more_memory_after_an_hour", async ({ page, weir }) => {
  test.setTimeout(480_000);
  await page.clock.install();
  await Promise.all(lastHour().map((events) => weir.send(events)));
  await page.goto(`${weir.dashboardUrl}/?wall=overview,features,errors,live&every=30s`);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const round = async () => {
    for (const name of ["Features", "Errors", "Live", "Overview"]) {
      const main = page.getByRole("main", { name });
      // Of a page that is higher than the screen, a turn shows the rest.
      await expect(async () => {
        // In two steps: all that ticks does so, and no request is given up while it is answered.
        await page.clock.fastForward(25_000);
        await page.clock.runFor(5_000);
        await expect(main).toBeVisible({ timeout: 500 });
      }).toPass();
      await expect(main.getByTestId("panel-state").first()).toHaveAttribute(
        "data-state",
        /fresh|stale/,
      );
    }
  };
  // What is loaded and kept once: pages, answers, compiled code. The engine's own notes about code grow ever more slowly: by
  // a tenth in these rounds, by a twentieth in the hour after them.
  for (let rounds = 0; rounds < 20; rounds += 1) {
    await round();
  }
  const before = await memory(devtools);
  const startedAtMs = await page.evaluate(() => Date.now());
  while ((await page.evaluate(() => Date.now())) < startedAtMs + 60 * MINUTE_MS) {
    await round();
  }
  await expect.poll(async () => (await memory(devtools)).nodes).toBeLessThan(before.nodes * 1.1);
  await expect
    .poll(async () => (await memory(devtools)).listeners)
    .toBeLessThan(before.listeners * 1.1);
  await expect
    .poll(async () => (await memory(devtools)).heapBytes)
    .toBeLessThan(before.heapBytes * 1.2);
});
