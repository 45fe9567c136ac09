import { spawn } from "node:child_process";
import { once } from "node:events";
import { test as base } from "@playwright/test";
import { BINARY, environmentWithoutSettings, freePorts } from "../e2e/weir.ts";

/** The same visitors each time. At the story's own speed, so that an incident is as long as a bar of the charts. */
const ARGUMENTS = ["demo", "--seed", "1", "--speed", "1"];

/** The last that it prints, when a day of history is sent. */
const READY = "Press Ctrl-C to stop.";

/** A running `weir demo`. */
export interface Demo {
  dashboardUrl: string;
  /** Of the funnel that it tells to look at. */
  funnelUrl: string;
}

export const test = base.extend<object, { demo: Demo }>({
  demo: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern.
    async ({}, use) => {
      const [ingest, dashboard, engine] = await freePorts();
      const child = spawn(BINARY, ARGUMENTS, {
        stdio: ["ignore", "pipe", "inherit"],
        env: {
          ...environmentWithoutSettings(),
          WEIR_INGEST_ADDR: `127.0.0.1:${ingest}`,
          WEIR_DASHBOARD_ADDR: `127.0.0.1:${dashboard}`,
          WEIR_ENGINE_PORT: `${engine}`,
        },
      });
      const ended = once(child, "exit");
      try {
        let printed = "";
        for await (const text of child.stdout.setEncoding("utf8")) {
          printed += text;
          if (printed.includes(READY)) {
            break;
          }
        }
        const [funnelUrl] = /http:\S+\/funnels\?\S+/.exec(printed) ?? [];
        if (funnelUrl === undefined) {
          throw new Error(`weir demo is not ready:\n${printed}`);
        }
        await use({ dashboardUrl: new URL(funnelUrl).origin, funnelUrl });
      } finally {
        child.kill("SIGTERM");
        await ended;
      }
    },
    { scope: "worker", timeout: 10 * 60_000 },
  ],
});
