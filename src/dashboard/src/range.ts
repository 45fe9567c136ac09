import { type Choice, choice } from "./url-state.ts";

/** Everything a query may offer, see queries/range.rs. */
export type Range = "1h" | "4h" | "6h" | "24h" | "7d" | "30d";

/** How a range is said inside a sentence: "in the last hour". */
export const RANGE_WORDS: Record<Range, string> = {
  "1h": "hour",
  "4h": "4 h",
  "6h": "6 h",
  "24h": "24 h",
  "7d": "7 days",
  "30d": "30 days",
};

/** The ranges a page offers. All pages keep theirs under one name, so that it goes along. */
export function rangeOf(offered: readonly Range[], fallback: Range): Choice<Range> {
  return choice("range", offered, fallback);
}

/** For questions answered from hours and minutes. */
export const HOURS = rangeOf(["1h", "4h", "6h", "24h"], "1h");
