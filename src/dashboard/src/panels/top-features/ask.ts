import { polled } from "../../api/polling.ts";
import type { Range } from "../../range.ts";
import { TITLES } from "../titles.ts";

/** The features most people used, at most ten, most used first. */
export const askTopFeatures = (range: Range) =>
  polled("top_features", { range }, TITLES.top_features);
