import { polled } from "../../api/polling.ts";
import { choice } from "../../url-state.ts";
import { TITLES } from "../titles.ts";

export type Weeks = "8" | "12";

/** How many cohorts before that of the running week. */
export const WEEKS = choice<Weeks>("weeks", ["8", "12"], "8");

/** Of the users who came first in one week, the share that came again in each week after it. */
export const askRetention = (weeks: Weeks) => polled("retention", { weeks }, TITLES.retention);
