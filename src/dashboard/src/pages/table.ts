import { type ComponentType, lazy } from "react";
import { COMPARE, type Compare } from "../compare.ts";
import { HOURS, type Range } from "../range.ts";
import type { Choice } from "../url-state.ts";

export interface Page {
  /** `PAGES` in src/http/dashboard.rs holds it too. */
  path: string;
  name: string;
  /** The ranges to choose from in the header. */
  range?: Choice<Range>;
  /** What its panels can be compared with. */
  compare?: Choice<Compare>;
  /** Loads what draws it; what failed may be tried again. */
  load: () => Promise<ComponentType>;
  /** Loads it when it is first drawn. */
  Content: ComponentType;
}

/** In the order of the links to them. What a page needs is loaded when it is opened. */
export const PAGES: readonly Page[] = [
  {
    path: "/",
    name: "Overview",
    range: HOURS,
    compare: COMPARE,
    ...opened(async () => (await import("./overview.tsx")).Overview),
  },
  {
    path: "/funnels",
    name: "Funnels",
    ...opened(async () => (await import("./funnels.tsx")).Funnels),
  },
  {
    path: "/features",
    name: "Features",
    range: HOURS,
    ...opened(async () => (await import("./features.tsx")).Features),
  },
  {
    path: "/errors",
    name: "Errors",
    range: HOURS,
    ...opened(async () => (await import("./errors.tsx")).Errors),
  },
  {
    path: "/live",
    name: "Live",
    ...opened(async () => (await import("./live.tsx")).Live),
  },
  {
    path: "/setup",
    name: "Setup",
    ...opened(async () => (await import("./setup.tsx")).Setup),
  },
];

function opened(load: () => Promise<ComponentType>): Pick<Page, "load" | "Content"> {
  return { load, Content: lazy(async () => ({ default: await load() })) };
}
