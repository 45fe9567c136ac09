import { polled } from "../../api/polling.ts";
import type { Window } from "../../compare.ts";
import { TITLES } from "../titles.ts";

/** Distinct sessions minute by minute, and in the last five minutes against the five before. */
export const askActiveUsers = (window: Window) =>
  polled("active_users", window, TITLES.active_users);
