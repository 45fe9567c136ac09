import { askFunnel } from "../../api/funnels.ts";
import type { Funnel } from "../../funnels/funnel.ts";

/** The same of each group that the breakdown finds. */
export const askFunnelBreakdown = (funnel: Funnel) => askFunnel(funnel);
