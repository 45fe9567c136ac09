import { useQuery } from "@tanstack/react-query";
import { BarsWithRate } from "../../charts/bars-with-rate.tsx";
import type { Funnel } from "../../funnels/funnel.ts";
import { Select } from "../../select.tsx";
import { useParameter } from "../../url-state.ts";
import { GROUP } from "../funnel-breakdown/groups.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { NOT_IN_PICTURES } from "../panel-png.ts";
import { askFunnelOverTime } from "./ask.ts";
import { funnelOverTimeTable, mapFunnelOverTime, readBucketOf } from "./map.ts";

export function FunnelOverTime({ funnel }: { funnel: Funnel }) {
  const query = useQuery(askFunnelOverTime(funnel));
  const [group, chooseGroup] = useParameter(GROUP);
  const picture = query.data && mapFunnelOverTime(query.data, group);
  const groups = picture?.groups ?? [];
  return (
    <PanelFrame
      name="funnel-over-time"
      title="Completed, over time"
      query={query}
      picture={picture}
      chartKey={[
        { mark: "whole", label: "started" },
        { mark: "part", label: "completed" },
        { mark: "rate", label: "rate" },
        { mark: "bars so far", label: "so far" },
        ...(picture?.group == null
          ? []
          : [{ mark: "rate compared", label: "rate of all" } as const]),
      ]}
      sample={{ event_name: funnel.steps[0]?.event_name ?? "" }}
      table={picture && funnelOverTimeTable(picture)}
      controls={
        groups.length > 0 && (
          // A copy of a select shows its first option; the headline says whose rate it is.
          <div
            {...{ [NOT_IN_PICTURES]: "" }}
            className="flex max-w-[9em] shrink-0 tablet:max-w-[16em]"
          >
            <Select
              label="Whose"
              labelHidden
              value={picture?.group == null ? "" : group}
              options={[
                { value: "", label: "everybody" },
                ...groups.map(({ key, name }) => ({ value: key, label: name })),
              ]}
              onChange={chooseGroup}
            />
          </div>
        )
      }
      fitsContent
    >
      {picture && (
        <div className="h-[14rem]">
          <BarsWithRate
            label="People who started and who completed, with the rate, by the time they started"
            buckets={picture.buckets}
            readBucket={readBucketOf(picture)}
          />
        </div>
      )}
    </PanelFrame>
  );
}
