import { useQuery } from "@tanstack/react-query";
import { useMarks } from "../../annotations/use-marks.ts";
import { LineOverTime } from "../../charts/line-over-time.tsx";
import { type Compare, comparedWindow, comparedWith } from "../../compare.ts";
import { percent } from "../../figures.ts";
import type { Range } from "../../range.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askErrorRate } from "./ask.ts";
import { ERROR_THRESHOLD_PCT, errorMinutesTable, mapErrorRate, readErrorMinute } from "./map.ts";

export function ErrorRate({ range, compare = "none" }: { range: Range; compare?: Compare }) {
  const marks = useMarks(range);
  const query = useQuery(askErrorRate({ range }));
  const then = useQuery({
    ...askErrorRate(comparedWindow(range, compare)),
    enabled: compare !== "none",
  });
  const compared = query.data && comparedWith(query.data, then.data, compare);
  // The range of the answer, which for a moment is not yet the one just chosen.
  const picture = query.data && mapErrorRate(query.data, query.data.asked.range, compared);
  return (
    <PanelFrame
      name="error-rate"
      title={TITLES.error_rate}
      query={query}
      picture={picture}
      chartKey={[
        { mark: "line", label: "each minute" },
        { mark: "line so far", label: "so far" },
        ...(compared ? [{ mark: "line compared", label: compared.words } as const] : []),
      ]}
      sample={{ event_name: "error_occurred" }}
      table={picture && errorMinutesTable(picture, marks)}
    >
      {picture && (
        <LineOverTime
          label="Share of events that are errors, minute by minute"
          points={picture.points}
          formatValue={percent}
          readPoint={readErrorMinute}
          marks={marks}
          threshold={{ value: ERROR_THRESHOLD_PCT, label: `${ERROR_THRESHOLD_PCT}% threshold` }}
        />
      )}
    </PanelFrame>
  );
}
