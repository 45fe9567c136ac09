import { useQuery } from "@tanstack/react-query";
import { RateTable } from "../../charts/rate-table.tsx";
import type { Funnel } from "../../funnels/funnel.ts";
import { text, useParameter } from "../../url-state.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { askFunnelBreakdown } from "./ask.ts";
import { GROUP } from "./groups.ts";
import { chooseSort, funnelBreakdownTable, mapFunnelBreakdown, readSort } from "./map.ts";

const SORT = { ...text("sort"), history: "push" } as const;

export function FunnelBreakdown({ funnel }: { funnel: Funnel }) {
  const query = useQuery(askFunnelBreakdown(funnel));
  const [group, chooseGroup] = useParameter(GROUP);
  const [sort, changeSort] = useParameter(SORT);
  const picture = query.data && (mapFunnelBreakdown(query.data, readSort(sort)) ?? undefined);
  return (
    <PanelFrame
      name="funnel-breakdown"
      title="Who leaves"
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: funnel.steps[0]?.event_name ?? "" }}
      table={query.data && funnelBreakdownTable(query.data)}
      fitsContent
    >
      {picture && (
        <div className="flex flex-col gap-1">
          <RateTable
            label="Share of people who go on, by group and step"
            rowHeading={picture.field}
            columns={picture.columns}
            rows={picture.rows}
            onSort={(column) => changeSort(chooseSort(readSort(sort), column))}
            chosen={group}
            onChoose={chooseGroup}
          />
          <p className="text-small text-quiet">
            Choose a row to see its rate over time, or a column to sort by it.
          </p>
          {picture.valuesCut && (
            <p className="text-small text-quiet">
              There are more values than can be told apart: some with few people may be counted
              among all others.
            </p>
          )}
        </div>
      )}
    </PanelFrame>
  );
}
