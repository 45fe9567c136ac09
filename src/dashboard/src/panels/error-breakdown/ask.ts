import { polled } from "../../api/polling.ts";
import type { Range } from "../../range.ts";
import { TITLES } from "../titles.ts";

/** The errors that came most often, at most fifty, most frequent first. */
export const askErrorBreakdown = (range: Range) =>
  polled("error_breakdown", { range }, TITLES.error_breakdown);
