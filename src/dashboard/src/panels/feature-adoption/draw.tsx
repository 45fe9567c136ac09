import { useQuery } from "@tanstack/react-query";
import { ComparedBars } from "../../charts/compared-bars.tsx";
import type { Range } from "../../range.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askFeatureAdoption } from "./ask.ts";
import { adoptionTable, mapFeatureAdoption } from "./map.ts";

export function FeatureAdoption({ range }: { range: Range }) {
  const query = useQuery(askFeatureAdoption(range));
  // The range of the answer, which for a moment is not yet the one just chosen.
  const picture = query.data && mapFeatureAdoption(query.data, query.data.asked.range);
  return (
    <PanelFrame
      name="feature-adoption"
      title={TITLES.feature_adoption}
      query={query}
      picture={picture}
      chartKey={[
        { mark: "part", label: "now" },
        { mark: "compared", label: "the hours before" },
      ]}
      sample={{ event_name: "feature_used", properties: { feature: "export" } }}
      table={query.data && adoptionTable(query.data)}
      fitsContent
    >
      {picture && <ComparedBars label="Share of active users by feature" bars={picture.bars} />}
    </PanelFrame>
  );
}
