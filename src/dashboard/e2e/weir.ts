import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test as base, expect } from "@playwright/test";

const DASHBOARD_DIR = resolve(import.meta.dirname, "..");
const REPOSITORY_DIR = resolve(DASHBOARD_DIR, "../..");
export const BINARY = resolve(DASHBOARD_DIR, process.env.WEIR_BIN ?? "../../target/release/weir");

const START_WAIT_MAX_MS = 30_000;
const STOP_WAIT_MAX_MS = 15_000;

/** An event as POST /events takes it. */
export interface Event {
  event_name: string;
  session_id: string;
  device_type: "desktop" | "mobile" | "tablet" | "other";
  country_code: string;
  timestamp?: string;
  user_id?: string | null;
  properties?: Record<string, unknown>;
}

/** A `weir serve` of the test's own: real binary, real engine, empty data directory, free ports. */
export class Weir {
  readonly dashboardUrl: string;
  readonly ingestUrl: string;
  private process: ChildProcess | null = null;
  /** What it has printed: its first write key and password. */
  printed = "";

  private constructor(
    private readonly dataDir: string,
    private readonly ports: { ingest: number; dashboard: number; engine: number },
    private readonly settings: Record<string, string>,
  ) {
    this.dashboardUrl = `http://127.0.0.1:${ports.dashboard}`;
    this.ingestUrl = `http://127.0.0.1:${ports.ingest}`;
  }

  static async create(settings: Record<string, string> = {}): Promise<Weir> {
    const dataDir = await mkdtemp(join(tmpdir(), "weir-e2e-"));
    const [ingest, dashboard, engine] = await freePorts();
    return new Weir(dataDir, { ingest, dashboard, engine }, settings);
  }

  /** Starts, or starts again on the same ports and data; ready once a query is answered. */
  async start(): Promise<void> {
    const { ingest, dashboard, engine } = this.ports;
    const child = spawn(BINARY, ["serve"], {
      cwd: REPOSITORY_DIR,
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...environmentWithoutSettings(),
        WEIR_DATA_DIR: this.dataDir,
        WEIR_INGEST_ADDR: `127.0.0.1:${ingest}`,
        WEIR_DASHBOARD_ADDR: `127.0.0.1:${dashboard}`,
        WEIR_ENGINE_PORT: `${engine}`,
        ...this.settings,
      },
    });
    child.stdout.on("data", (text) => {
      this.printed += text;
    });
    this.process = child;
    await Promise.race([
      this.answers(),
      once(child, "exit").then(([code]) => {
        throw new Error(`weir serve ended with ${code} before it was ready`);
      }),
    ]);
  }

  private async answers(): Promise<void> {
    // Where nobody has signed in yet, that is what is answered.
    const answered = this.settings.WEIR_AUTH === "required" ? 401 : 200;
    for (const [url, status] of [
      [`${this.ingestUrl}/health`, 200],
      [`${this.dashboardUrl}/api/queries/active_users?range=1h`, answered],
    ] as const) {
      await expect
        .poll(() => statusOf(url), { timeout: START_WAIT_MAX_MS, message: `GET ${url}` })
        .toBe(status);
    }
  }

  async stop(): Promise<void> {
    const child = this.process;
    this.process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const deadline = setTimeout(() => child.kill("SIGKILL"), STOP_WAIT_MAX_MS);
    await ended;
    clearTimeout(deadline);
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async send(events: readonly Event[]): Promise<void> {
    const reply = await fetch(`${this.ingestUrl}/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(events),
    });
    expect(reply.status, await reply.text()).toBe(202);
  }
}

/** Without Weir's own variables: it refuses those it does not know, WEIR_BIN among them. */
export function environmentWithoutSettings(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(WEIR|CLICKHOUSE)_/.test(name));
  return Object.fromEntries(kept);
}

async function statusOf(url: string): Promise<number | null> {
  try {
    return (await fetch(url)).status;
  } catch {
    return null;
  }
}

/** All held open at once, so that no two are the same. */
export async function freePorts(): Promise<[number, number, number]> {
  const servers = [createServer(), createServer(), createServer()] as const;
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ports.push((server.address() as AddressInfo).port);
  }
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports as [number, number, number];
}

export const test = base.extend<{ weir: Weir }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern.
  weir: async ({}, use) => {
    const weir = await Weir.create();
    try {
      await weir.start();
      await use(weir);
    } finally {
      await weir.remove();
    }
  },
});
