import { useQuery } from "@tanstack/react-query";
import { HeatKey, HeatTable } from "../../charts/heat-table.tsx";
import { ChoiceSelector } from "../../choice-selector.tsx";
import { useParameter } from "../../url-state.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askRetention, WEEKS } from "./ask.ts";
import { mapRetention, retentionTable } from "./map.ts";

export function Retention() {
  const [weeks] = useParameter(WEEKS);
  const query = useQuery(askRetention(weeks));
  const picture = query.data && mapRetention(query.data);
  return (
    <PanelFrame
      name="retention"
      title={TITLES.retention}
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: "page_view" }}
      table={query.data && retentionTable(query.data)}
      controls={
        <ChoiceSelector
          name="Weeks"
          parameter={WEEKS}
          titleOf={(count) => `The last ${count} weeks and the running one`}
          labelOf={(count) => `${count} weeks`}
        />
      }
      fitsContent
    >
      {picture && (
        <div className="flex flex-col gap-1">
          <HeatTable
            label="Share of users who came again, by the week of their first event"
            headings={{ name: "First week", size: "Users", cells: picture.weeks }}
            rows={picture.cohorts}
          />
          <HeatKey running="running week, so far" />
          <p className="text-small text-quiet">
            Weeks begin on Mondays, UTC. A user's first week is that of their oldest event kept.
          </p>
        </div>
      )}
    </PanelFrame>
  );
}
