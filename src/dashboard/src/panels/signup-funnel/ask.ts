import { polled } from "../../api/polling.ts";
import type { Range } from "../../range.ts";
import { TITLES } from "../titles.ts";

/** Sign-ups started and completed, bucket by bucket, and in the same bucket one range earlier. */
export const askSignupFunnel = (range: Range) =>
  polled("signup_funnel", { range }, TITLES.signup_funnel);
