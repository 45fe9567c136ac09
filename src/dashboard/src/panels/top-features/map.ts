import type { Answers } from "../../api/client.ts";
import type { RankedBar } from "../../charts/ranked-bars.tsx";
import { compact, full, NO_FIGURE } from "../../figures.ts";
import { RANGE_WORDS, type Range } from "../../range.ts";
import type { Picture } from "../panel-frame.tsx";
import type { Table } from "../table.ts";

type Row = Answers["top_features"]["rows"][number];

export interface TopFeaturesPicture extends Picture {
  bars: RankedBar[];
}

export function mapTopFeatures(answer: Answers["top_features"], range: Range): TopFeaturesPicture {
  const { rows } = answer;
  const first = rows[0];
  const most = Math.max(1, ...rows.map((row) => row.unique_users));
  const words = RANGE_WORDS[range];
  return {
    headline: {
      value: first === undefined ? NO_FIGURE : compact(first.unique_users),
      title: first === undefined ? NO_FIGURE : full(first.unique_users),
      // Isolated, so that a name set from right to left leaves the words before it in their place.
      unit: first === undefined ? "users" : `${people(first)} of \u2068${first.feature}\u2069`,
      note: `in the last ${words}`,
    },
    missing: first === undefined ? `No feature was used in the last ${words}.` : null,
    bars: rows.map((row) => ({
      name: row.feature,
      share: row.unique_users / most,
      value: compact(row.unique_users),
      title: `${row.feature}: ${full(row.unique_users)} ${people(row)}, ${full(row.events)} events`,
    })),
  };
}

export function featuresTable({ rows }: Answers["top_features"]): Table {
  return {
    columns: [
      { name: "Feature", kind: "text" },
      { name: "Users", kind: "count" },
      { name: "Uses", kind: "count" },
    ],
    rows: rows.map(({ feature, unique_users, events }) => [feature, unique_users, events]),
  };
}

function people({ unique_users }: Row): string {
  return unique_users === 1 ? "user" : "users";
}
