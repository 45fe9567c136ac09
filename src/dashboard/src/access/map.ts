import type { Caller, Credential } from "../api/access.ts";

/** The scopes, each of which holds those before it. */
const SCOPES = ["read", "annotate", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** Whether a caller may do what needs a scope; not before it is known who that is. */
export function mayDo(caller: Caller | undefined, needed: Scope): boolean {
  const has = caller?.scope ?? null;
  return has !== null && SCOPES.indexOf(has) >= SCOPES.indexOf(needed);
}

/** Whether a page is among those that a caller may see: all, or that of its link. */
export function maySee(caller: Caller | undefined, path: string): boolean {
  const page = caller?.page ?? null;
  return page === null || page.split("?")[0] === path;
}

/** Which pages may be shared by a link: none with single events, or with how the installation is. `PAGES` in src/access/page.rs holds them, too. */
const SHARED_PATHS = ["/", "/funnels", "/features", "/errors"];

export function canBeShared(path: string): boolean {
  return SHARED_PATHS.includes(path);
}

/** What a credential is for, in words. */
export function purposeWords(credential: Credential): string {
  switch (credential.kind) {
    case "write_key":
      return [keyWords(credential.origins), rateWords(credential.events_per_second)].join("");
    case "token":
      return `API token, ${credential.scope}`;
    case "share_link":
      return `Link to ${credential.page}`;
    case "session":
      return "Session";
  }
}

function keyWords(origins: readonly string[]): string {
  if (origins.length === 0) {
    return "Write key for servers";
  }
  return origins.includes("*") ? "Write key for any site" : `Write key for ${origins.join(", ")}`;
}

function rateWords(eventsPerSecond: number | null | undefined): string {
  return eventsPerSecond == null ? "" : `, ${eventsPerSecond.toLocaleString("en")} events/s`;
}

/** Web origins as people write them down: one a line, or with commas between them. */
export function originsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((origin) => origin !== "");
}
