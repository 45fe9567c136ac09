import { polled } from "../../api/polling.ts";
import type { Range } from "../../range.ts";

/** The share of events that are errors, minute by minute. */
export const askErrorRate = (range: Range) => polled("error_rate", range);
