import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { askFunnel } from "../api/funnels.ts";
import { askEventNames } from "../funnels/ask.ts";
import { Beginning } from "../funnels/beginning.tsx";
import { BreakdownOffer } from "../funnels/breakdown-offer.tsx";
import { type Funnel, readFunnel, STEPS_MIN } from "../funnels/funnel.ts";
import { FunnelDesk } from "../funnels/funnel-desk.tsx";
import { FunnelBreakdown } from "../panels/funnel-breakdown/draw.tsx";
import { FunnelOverTime } from "../panels/funnel-over-time/draw.tsx";
import { FunnelSteps } from "../panels/funnel-steps/draw.tsx";
import { useSearch } from "../url-state.ts";

/** Where people leave on the way through steps that are picked here, and who leaves. */
export function Funnels() {
  const search = useSearch();
  const { funnel, unread } = useMemo(() => readFunnel(new URLSearchParams(search)), [search]);
  const names = useQuery(askEventNames());
  return (
    <div className="grid grid-cols-1 items-start gap-2 desk:grid-cols-[23rem_minmax(0,1fr)]">
      <FunnelDesk funnel={funnel} unread={unread} names={names} />
      {funnel.steps.length < STEPS_MIN ? (
        <Beginning funnel={funnel} seen={names.data?.rows ?? []} />
      ) : (
        <Pictures funnel={funnel} />
      )}
    </div>
  );
}

function Pictures({ funnel }: { funnel: Funnel }) {
  const { data } = useQuery(askFunnel(funnel));
  const firstEvent = funnel.steps[0]?.event_name ?? "";
  // Then there is nobody to break down either.
  const nobody = data?.steps[0]?.count === 0;
  return (
    <div className="grid min-w-0 grid-cols-1 gap-2">
      <FunnelSteps funnel={funnel} />
      {!nobody && funnel.breakdown === null && <BreakdownOffer firstEvent={firstEvent} />}
      {!nobody && funnel.breakdown !== null && <FunnelBreakdown funnel={funnel} />}
      {!nobody && <FunnelOverTime funnel={funnel} />}
    </div>
  );
}
