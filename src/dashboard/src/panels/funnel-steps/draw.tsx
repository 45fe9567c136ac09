import type { FunnelAnswer } from "../../api/funnels.ts";
import { FunnelBars } from "../../charts/funnel-bars.tsx";
import { PanelFrame, type PanelQuery } from "../panel-frame.tsx";
import { funnelStepsTable, mapFunnelSteps } from "./map.ts";

/** A funnel's question as its three panels share it. */
export interface FunnelQuery extends PanelQuery {
  data: FunnelAnswer | undefined;
}

/** `firstEvent` fills the panel when it is empty. */
export function FunnelSteps({ query, firstEvent }: { query: FunnelQuery; firstEvent: string }) {
  const picture = query.data && mapFunnelSteps(query.data);
  return (
    <PanelFrame
      name="funnel-steps"
      title="Where people leave"
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: firstEvent }}
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
