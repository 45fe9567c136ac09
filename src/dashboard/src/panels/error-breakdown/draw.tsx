import { useQuery } from "@tanstack/react-query";
import type { Range } from "../../range.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askErrorBreakdown } from "./ask.ts";
import { mapErrorBreakdown } from "./map.ts";

export function ErrorBreakdown({ range }: { range: Range }) {
  const query = useQuery(askErrorBreakdown(range));
  // The range of the answer, which for a moment is not yet the one just chosen.
  const picture = query.data && mapErrorBreakdown(query.data, query.data.asked.range);
  return (
    <PanelFrame
      name="error-breakdown"
      title={TITLES.error_breakdown}
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{
        event_name: "error_occurred",
        properties: { message: "Payment refused", path: "/checkout" },
      }}
      table={picture?.table}
      fitsContent
    />
  );
}
