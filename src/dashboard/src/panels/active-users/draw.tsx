import { useQuery } from "@tanstack/react-query";
import { useMarks } from "../../annotations/use-marks.ts";
import { LineOverTime } from "../../charts/line-over-time.tsx";
import { type Compare, comparedWindow, comparedWith } from "../../compare.ts";
import { compact } from "../../figures.ts";
import type { Range } from "../../range.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askActiveUsers } from "./ask.ts";
import { mapActiveUsers, minutesTable, readMinute } from "./map.ts";

export function ActiveUsers({ range, compare = "none" }: { range: Range; compare?: Compare }) {
  const marks = useMarks(range);
  const query = useQuery(askActiveUsers({ range }));
  const then = useQuery({
    ...askActiveUsers(comparedWindow(range, compare)),
    enabled: compare !== "none",
  });
  const compared = query.data && comparedWith(query.data, then.data, compare);
  // The range of the answer, which for a moment is not yet the one just chosen.
  const picture = query.data && mapActiveUsers(query.data, query.data.asked.range, compared);
  return (
    <PanelFrame
      name="active-users"
      title={TITLES.active_users}
      query={query}
      picture={picture}
      chartKey={[
        { mark: "line", label: "each minute" },
        { mark: "line so far", label: "so far" },
        ...(compared ? [{ mark: "line compared", label: compared.words } as const] : []),
      ]}
      sample={{ event_name: "page_view" }}
      table={picture && minutesTable(picture, marks)}
    >
      {picture && (
        <LineOverTime
          label="Active users, minute by minute"
          points={picture.points}
          formatValue={compact}
          readPoint={readMinute}
          marks={marks}
        />
      )}
    </PanelFrame>
  );
}
