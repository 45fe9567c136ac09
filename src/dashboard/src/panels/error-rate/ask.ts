import { polled } from "../../api/polling.ts";
import type { Window } from "../../compare.ts";
import { TITLES } from "../titles.ts";

/** The share of events that are errors, minute by minute. */
export const askErrorRate = (window: Window) => polled("error_rate", window, TITLES.error_rate);
