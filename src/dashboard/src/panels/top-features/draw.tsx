import { useQuery } from "@tanstack/react-query";
import { RankedBars } from "../../charts/ranked-bars.tsx";
import { type Compare, comparedWindow, comparedWith } from "../../compare.ts";
import type { Range } from "../../range.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askTopFeatures } from "./ask.ts";
import { featuresTable, mapTopFeatures } from "./map.ts";

export function TopFeatures({ range, compare = "none" }: { range: Range; compare?: Compare }) {
  const query = useQuery(askTopFeatures({ range }));
  const then = useQuery({
    ...askTopFeatures(comparedWindow(range, compare)),
    enabled: compare !== "none",
  });
  const compared = query.data && comparedWith(query.data, then.data, compare);
  // The range of the answer, which for a moment is not yet the one just chosen.
  const picture = query.data && mapTopFeatures(query.data, query.data.asked.range, compared);
  return (
    <PanelFrame
      name="top-features"
      title={TITLES.top_features}
      query={query}
      picture={picture}
      chartKey={
        compared
          ? [
              { mark: "part", label: "now" },
              { mark: "part compared", label: compared.words },
            ]
          : []
      }
      sample={{ event_name: "feature_used", properties: { feature: "export" } }}
      table={query.data && featuresTable(query.data, compared)}
    >
      {picture && <RankedBars label="Users of each feature" bars={picture.bars} />}
    </PanelFrame>
  );
}
