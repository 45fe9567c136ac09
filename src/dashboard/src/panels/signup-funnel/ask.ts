import { polled } from "../../api/polling.ts";
import type { Window } from "../../compare.ts";
import { TITLES } from "../titles.ts";

/** Sign-ups started and completed, bucket by bucket, and in the same bucket one range earlier. */
export const askSignupFunnel = (window: Window) =>
  polled("signup_funnel", window, TITLES.signup_funnel);
