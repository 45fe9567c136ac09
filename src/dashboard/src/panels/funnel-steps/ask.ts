import { askFunnel } from "../../api/funnels.ts";
import type { Funnel } from "../../funnels/funnel.ts";

/** How many people take each step, and how long they take from the one before. */
export const askFunnelSteps = (funnel: Funnel) => askFunnel(funnel);
