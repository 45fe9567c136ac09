import type { FunnelAnswer } from "../../api/funnels.ts";
import { fieldWords } from "../../funnels/funnel.ts";
import { text } from "../../url-state.ts";

export type Group = NonNullable<FunnelAnswer["breakdown"]>[number];

/** The group that is chosen, by its key; all when there is none. */
export const GROUP = { ...text("group"), history: "push" } as const;

/** Tells a group from those that share its name: a value may be called "other" too. */
export function groupKey({ value, other }: Group): string {
  if (other) {
    return "other";
  }
  return value == null ? "none" : `=${value}`;
}

export function groupName({ value, other }: Group, field: string): string {
  if (other) {
    return "all other values";
  }
  return value === "" ? "(empty)" : (value ?? `no ${fieldWords(field)}`);
}
