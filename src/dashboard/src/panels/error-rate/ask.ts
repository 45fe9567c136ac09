import { polled } from "../../api/polling.ts";
import type { Range } from "../../range.ts";
import { TITLES } from "../titles.ts";

/** The share of events that are errors, minute by minute. */
export const askErrorRate = (range: Range) => polled("error_rate", { range }, TITLES.error_rate);
