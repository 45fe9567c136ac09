import type { Answers } from "../../api/client.ts";
import type { RankedBar } from "../../charts/ranked-bars.tsx";
import type { Compared } from "../../compare.ts";
import { change, compact, full, NO_FIGURE } from "../../figures.ts";
import { RANGE_WORDS, type Range } from "../../range.ts";
import type { Picture } from "../panel-frame.tsx";
import { type Column, comparedCells, comparedColumns, type Table } from "../table.ts";

type Answer = Answers["top_features"];
type Row = Answer["rows"][number];

export interface TopFeaturesPicture extends Picture {
  bars: RankedBar[];
}

export function mapTopFeatures(
  answer: Answer,
  range: Range,
  compared: Compared<Answer> | null = null,
): TopFeaturesPicture {
  const { rows } = answer;
  const first = rows[0];
  const then = new Map(compared?.answer.rows.map((row) => [row.feature, row]));
  const shown = rows.flatMap((row) => [row, then.get(row.feature) ?? row]);
  const most = Math.max(1, ...shown.map((row) => row.unique_users));
  const firstThen = first && then.get(first.feature);
  const words = RANGE_WORDS[range];
  return {
    headline: {
      value: first === undefined ? NO_FIGURE : compact(first.unique_users),
      title: first === undefined ? NO_FIGURE : full(first.unique_users),
      // Isolated, so that a name set from right to left leaves the words before it in their place.
      unit: first === undefined ? "users" : `${people(first)} of \u2068${first.feature}\u2069`,
      note:
        first === undefined || compared === null || firstThen === undefined
          ? `in the last ${words}`
          : `${change(first.unique_users - firstThen.unique_users, compact)} on ${compared.words}`,
    },
    missing: first === undefined ? `No feature was used in the last ${words}.` : null,
    bars: rows.map((row) => ({
      name: row.feature,
      share: row.unique_users / most,
      comparedShare: (then.get(row.feature)?.unique_users ?? 0) / most,
      value: compact(row.unique_users),
      title: `${row.feature}: ${full(row.unique_users)} ${people(row)}, ${full(row.events)} events${onTheDay(then.get(row.feature), compared)}`,
    })),
  };
}

export function featuresTable({ rows }: Answer, compared: Compared<Answer> | null = null): Table {
  const figures: Column[] = [
    { name: "Users", kind: "count" },
    { name: "Uses", kind: "count" },
  ];
  const words = compared?.words ?? null;
  const then = new Map(compared?.answer.rows.map((row) => [row.feature, row]));
  return {
    columns: [{ name: "Feature", kind: "text" }, ...figures, ...comparedColumns(words, figures)],
    rows: rows.map(({ feature, unique_users, events }) => {
      const other = then.get(feature);
      return [
        feature,
        unique_users,
        events,
        ...comparedCells(words, other?.unique_users, other?.events),
      ];
    }),
  };
}

function onTheDay(row: Row | undefined, compared: Compared<Answer> | null): string {
  if (compared === null) {
    return "";
  }
  const users =
    row === undefined ? "not among the ten" : `${full(row.unique_users)} ${people(row)}`;
  return `; ${compared.words}: ${users}`;
}

function people({ unique_users }: Row): string {
  return unique_users === 1 ? "user" : "users";
}
