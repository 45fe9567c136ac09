import { describe, expect, it } from "vitest";
import type { Caller, Credential } from "../api/access.ts";
import { canBeShared, mayDo, maySee, originsIn, purposeWords } from "./map.ts";

const caller = (fields: Partial<Caller>): Caller => ({
  caller: "token",
  scope: null,
  page: null,
  ...fields,
});

describe("who asks", () => {
  it("may do what its scope holds, and nothing while it is not known", () => {
    expect(mayDo(undefined, "read")).toBe(false);
    expect(mayDo(caller({ caller: "nobody" }), "read")).toBe(false);
    expect(mayDo(caller({ scope: "annotate" }), "read")).toBe(true);
    expect(mayDo(caller({ scope: "annotate" }), "admin")).toBe(false);
    expect(mayDo(caller({ caller: "open", scope: "admin" }), "admin")).toBe(true);
  });

  it("sees all pages, or that of its link", () => {
    expect(maySee(caller({ scope: "read" }), "/live")).toBe(true);
    const link = caller({ caller: "share_link", scope: "read", page: "/errors?range=24h" });
    expect([maySee(link, "/errors"), maySee(link, "/"), maySee(link, "/live")]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("shares no page with what was sent or how the installation is", () => {
    expect(["/", "/funnels", "/live", "/setup"].map(canBeShared)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("a credential", () => {
  const kept = { id: "1", name: "x", created_at: "2026-01-31T12:00:00Z", expires_at: null };
  const key = (origins: string[], events_per_second: number | null): Credential => ({
    ...kept,
    kind: "write_key",
    origins,
    events_per_second,
  });

  it("is said in words", () => {
    expect(purposeWords(key([], null))).toBe("Write key for servers");
    expect(purposeWords(key(["*"], 5_000))).toBe("Write key for any site, 5,000 events/s");
    expect(purposeWords(key(["https://a.example", "https://b.example"], null))).toBe(
      "Write key for https://a.example, https://b.example",
    );
    expect(purposeWords({ ...kept, kind: "token", scope: "read" })).toBe("API token, read");
    expect(purposeWords({ ...kept, kind: "share_link", page: "/errors" })).toBe("Link to /errors");
  });

  it("is made for the origins that are written, however they are divided", () => {
    expect(originsIn(" https://a.example,https://b.example\n* ")).toEqual([
      "https://a.example",
      "https://b.example",
      "*",
    ]);
    expect(originsIn("")).toEqual([]);
  });
});
