import { polled } from "../../api/polling.ts";
import type { Range } from "../../range.ts";
import { TITLES } from "../titles.ts";

/** Distinct sessions minute by minute, and in the last five minutes against the five before. */
export const askActiveUsers = (range: Range) =>
  polled("active_users", { range }, TITLES.active_users);
