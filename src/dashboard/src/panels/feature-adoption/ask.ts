import { polled } from "../../api/polling.ts";
import type { Range } from "../../range.ts";
import { TITLES } from "../titles.ts";

/** The share of active users who used each feature, in whole hours, beside the range before. */
export const askFeatureAdoption = (range: Range) =>
  polled("feature_adoption", { range }, TITLES.feature_adoption);
