import { useQuery } from "@tanstack/react-query";
import { FunnelBars } from "../../charts/funnel-bars.tsx";
import type { Funnel } from "../../funnels/funnel.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { askFunnelSteps } from "./ask.ts";
import { funnelStepsTable, mapFunnelSteps } from "./map.ts";

export function FunnelSteps({ funnel }: { funnel: Funnel }) {
  const query = useQuery(askFunnelSteps(funnel));
  const picture = query.data && mapFunnelSteps(query.data);
  return (
    <PanelFrame
      name="funnel-steps"
      title="Where people leave"
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: funnel.steps[0]?.event_name ?? "" }}
      table={query.data && funnelStepsTable(query.data)}
      fitsContent
    >
      {picture && (
        <div className="flex flex-col gap-1">
          <FunnelBars label="People at each step, and who left before it" bars={picture.bars} />
          {picture.notes.map((note) => (
            <p key={note} className="text-small text-quiet">
              {note}
            </p>
          ))}
        </div>
      )}
    </PanelFrame>
  );
}
