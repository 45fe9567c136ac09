import type { FunnelAnswer } from "../../api/funnels.ts";
import type { RateBucket } from "../../charts/bars-with-rate.tsx";
import type { Reading } from "../../charts/chart-tooltip.tsx";
import { full, percent } from "../../figures.ts";
import { groupKey, groupName } from "../funnel-breakdown/groups.ts";
import { nobody } from "../funnel-steps/map.ts";
import type { Picture } from "../panel-frame.tsx";
import { note, type Table } from "../table.ts";
import { bucketTime, bucketTimes } from "./bucket-times.ts";

export interface FunnelBucket extends RateBucket {
  endMs: number;
}

export interface FunnelOverTimePicture extends Picture {
  buckets: FunnelBucket[];
  rangeMs: number;
  /** Whose: null for all. */
  group: string | null;
  /** What can be chosen. */
  groups: { key: string; name: string }[];
}

/** `chosen`: the key of a group; of one that is not there, as of none, all are shown. */
export function mapFunnelOverTime(answer: FunnelAnswer, chosen: string): FunnelOverTimePicture {
  const { asked: funnel, bucket_seconds, over_time } = answer;
  const groups = answer.breakdown ?? [];
  const field = funnel.breakdown ?? "";
  const group = groups.find((other) => groupKey(other) === chosen);
  const buckets = (group?.over_time ?? over_time).map((bucket, index) => {
    const startMs = Date.parse(bucket.bucket);
    return {
      startMs,
      endMs: startMs + 1_000 * bucket_seconds,
      whole: bucket.counts[0] ?? 0,
      part: bucket.counts.at(-1) ?? 0,
      ratePct: bucket.conversion_pct ?? null,
      ...(group && { comparedPct: over_time[index]?.conversion_pct ?? null }),
      running: bucket.so_far,
    };
  });
  const rangeMs = 1_000 * bucket_seconds * buckets.length;
  const name = group === undefined ? null : groupName(group, field);
  return {
    headline: headlineOf(buckets, name, rangeMs),
    missing: buckets.every((bucket) => bucket.whole === 0) ? nobody(funnel) : null,
    buckets,
    rangeMs,
    group: name,
    groups: groups.map((other) => ({ key: groupKey(other), name: groupName(other, field) })),
  };
}

/** The newest bucket in which nobody has time left: a later one would look worse than it will be. */
function headlineOf(
  buckets: readonly FunnelBucket[],
  group: string | null,
  rangeMs: number,
): Picture["headline"] {
  const settled = buckets.filter((bucket) => !bucket.running && bucket.ratePct !== null);
  const newest = settled.at(-1);
  const whose = group === null ? "those" : `\u2068${group}\u2069`;
  if (newest === undefined) {
    return {
      value: percent(null),
      unit: `of ${whose} who started completed`,
      note: "known once the time to complete has passed for some",
    };
  }
  const byRate = settled.toSorted((one, other) => (one.ratePct ?? 0) - (other.ratePct ?? 0));
  const ends = [byRate[0], byRate.at(-1)].map(
    (bucket) =>
      `${percent(bucket?.ratePct ?? null)} at ${bucketTime((bucket ?? newest).startMs, rangeMs)}`,
  );
  return {
    value: percent(newest.ratePct),
    title: `${full(newest.part)} of ${full(newest.whole)}`,
    unit: `of ${whose} who started ${bucketTimes(newest, rangeMs)} completed`,
    note: settled.length === 1 ? "\u00a0" : `lowest ${ends[0]}, highest ${ends[1]}`,
  };
}

export function readBucketOf({ rangeMs, group }: FunnelOverTimePicture) {
  return (bucket: FunnelBucket): Reading => {
    const times = bucketTimes(bucket, rangeMs);
    return {
      heading: bucket.running ? `${times}, so far` : times,
      figures: [
        { label: "Started", value: full(bucket.whole) },
        { label: "Completed", value: full(bucket.part) },
        { label: "Rate", value: percent(bucket.ratePct) },
        ...(group === null ? [] : [{ label: "All", value: percent(bucket.comparedPct ?? null) }]),
      ],
    };
  };
}

export function funnelOverTimeTable({ buckets, group }: FunnelOverTimePicture): Table {
  return {
    columns: [
      { name: "Started from", kind: "day and time" },
      { name: "Started", kind: "count" },
      { name: "Completed", kind: "count" },
      { name: "Rate", kind: "rate" },
      ...(group === null ? [] : [{ name: "Rate of all", kind: "rate" } as const]),
      { name: "Note", kind: "text" },
    ],
    rows: buckets.map((bucket) => [
      bucket.startMs,
      bucket.whole,
      bucket.part,
      bucket.ratePct,
      ...(group === null ? [] : [bucket.comparedPct ?? null]),
      note(bucket.running),
    ]),
  };
}
