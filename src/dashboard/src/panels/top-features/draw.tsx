import { useQuery } from "@tanstack/react-query";
import { RankedBars } from "../../charts/ranked-bars.tsx";
import type { Range } from "../../range.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askTopFeatures } from "./ask.ts";
import { featuresTable, mapTopFeatures } from "./map.ts";

export function TopFeatures({ range }: { range: Range }) {
  const query = useQuery(askTopFeatures(range));
  // The range of the answer, which for a moment is not yet the one just chosen.
  const picture = query.data && mapTopFeatures(query.data, query.data.asked.range);
  return (
    <PanelFrame
      name="top-features"
      title={TITLES.top_features}
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: "feature_used", properties: { feature: "export" } }}
      table={query.data && featuresTable(query.data)}
    >
      {picture && <RankedBars label="Users of each feature" bars={picture.bars} />}
    </PanelFrame>
  );
}
