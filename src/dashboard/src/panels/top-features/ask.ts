import { polled } from "../../api/polling.ts";
import type { Window } from "../../compare.ts";
import { TITLES } from "../titles.ts";

/** The features most people used, at most ten, most used first. */
export const askTopFeatures = (window: Window) =>
  polled("top_features", window, TITLES.top_features);
