import type { Answers } from "../../api/client.ts";
import type { ComparedBar } from "../../charts/compared-bars.tsx";
import { changeInPoints, compact, full, NO_FIGURE, percent } from "../../figures.ts";
import type { Range } from "../../range.ts";
import type { Picture } from "../panel-frame.tsx";
import type { Table } from "../table.ts";

type Row = Answers["feature_adoption"]["rows"][number];

export interface FeatureAdoptionPicture extends Picture {
  bars: ComparedBar[];
}

/** The query counts whole hours, so that the range and the one before it compare. */
export const WHOLE_HOURS: Record<Range, string> = {
  "1h": "whole hour",
  "4h": "4 whole hours",
  "6h": "6 whole hours",
  "24h": "24 whole hours",
  "7d": "7 days",
  "30d": "30 days",
};

export function mapFeatureAdoption(
  { rows }: Answers["feature_adoption"],
  range: Range,
): FeatureAdoptionPicture {
  const first = rows[0];
  const words = WHOLE_HOURS[range];
  const most = Math.max(
    1,
    ...rows.flatMap((row) => [row.share_pct ?? 0, row.share_before_pct ?? 0]),
  );
  const used = rows.some((row) => row.unique_users > 0);
  return {
    headline: {
      value: percent(first?.share_pct ?? null),
      title: first === undefined ? NO_FIGURE : `${full(first.unique_users)} users`,
      // Isolated, so that a name set from right to left leaves the words before it in their place.
      unit:
        first === undefined
          ? "of active users"
          : `of active users used \u2068${first.feature}\u2069`,
      note:
        first?.change_pts == null
          ? `in the last ${words}`
          : `in the last ${words}, ${changeOf(first)}`,
    },
    missing: used
      ? null
      : `No feature was used in the last ${words}; the running hour counts when it is over.`,
    bars: rows.map((row) => ({
      name: row.feature,
      share: (row.share_pct ?? 0) / most,
      shareBefore: (row.share_before_pct ?? 0) / most,
      figures: [
        percent(row.share_pct),
        `${compact(row.unique_users)} ${row.unique_users === 1 ? "user" : "users"}`,
        changeOf(row),
      ],
    })),
  };
}

function changeOf({ change_pts }: Row): string {
  return change_pts === null ? NO_FIGURE : changeInPoints(change_pts);
}

export function adoptionTable({ rows }: Answers["feature_adoption"]): Table {
  return {
    columns: [
      { name: "Feature", kind: "text" },
      { name: "Users", kind: "count" },
      { name: "Share of active users", kind: "rate", bar: true },
      { name: "Users before", kind: "count" },
      { name: "Share before", kind: "rate" },
      { name: "Change", kind: "points" },
    ],
    rows: rows.map((row) => [
      row.feature,
      row.unique_users,
      row.share_pct,
      row.unique_users_before,
      row.share_before_pct,
      row.change_pts,
    ]),
  };
}
