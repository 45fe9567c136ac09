import { askFunnel } from "../../api/funnels.ts";
import type { Funnel } from "../../funnels/funnel.ts";

/** The same by the time at which people started, of all and of each group. */
export const askFunnelOverTime = (funnel: Funnel) => askFunnel(funnel);
