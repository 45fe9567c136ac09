import {
  Bar,
  type BarShapeProps,
  CartesianGrid,
  ComposedChart,
  Line,
  Tooltip,
  type TooltipContentProps,
  XAxis,
} from "recharts";
import { compact, percent } from "../figures.ts";
import { TimeAxis, VALUE_AXIS_EM, ValueAxis } from "./axes.tsx";
import { ChartTooltip, type Reading } from "./chart-tooltip.tsx";
import { type ChartMark, markLine } from "./mark-line.tsx";
import { marksByPlace } from "./marks.ts";
import { Measured, type Room } from "./measured.tsx";
import { palette } from "./palette.ts";
import { bucketTicks, LABEL_EM, labelsThatFit, valueTicks } from "./scale.ts";
import { stretches } from "./stretches.ts";

export interface RateBucket {
  startMs: number;
  whole: number;
  part: number;
  ratePct: number | null;
  /** The rate of the window compared with, drawn behind. */
  comparedPct?: number | null;
  running: boolean;
}

interface BarsWithRateProps<Shown extends RateBucket> {
  label: string;
  buckets: readonly Shown[];
  readBucket: (bucket: Shown) => Reading;
  marks?: readonly ChartMark[];
}

/** A part inside its whole, bucket by bucket, with the rate of the two drawn over them in %. */
export function BarsWithRate<Shown extends RateBucket>(props: BarsWithRateProps<Shown>) {
  return <Measured label={props.label}>{(room) => <Drawn {...props} room={room} />}</Measured>;
}

function Drawn<Shown extends RateBucket>({
  label,
  buckets,
  readBucket,
  marks = [],
  room,
}: BarsWithRateProps<Shown> & { room: Room }) {
  const parts = stretches(buckets.map(({ ratePct, running }) => ({ value: ratePct, running })));
  const rows = buckets.map((bucket, index) => ({ ...bucket, ...parts[index], index }));
  const countTicks = valueTicks(Math.max(0, ...buckets.flatMap((b) => [b.whole, b.part])));
  // More can complete in a bucket than started in it, so the rate may pass 100 %.
  const rateTicks = valueTicks(
    Math.max(100, ...buckets.flatMap((b) => [b.ratePct ?? 0, b.comparedPct ?? 0])),
  );
  const plotWidth = room.width - 2 * VALUE_AXIS_EM * room.em;
  const starts = buckets.map((bucket) => bucket.startMs);
  const places = marksByPlace(starts, marks);
  const read = ({ active, payload }: TooltipContentProps) => {
    const index: number = active ? (payload[0]?.payload.index ?? -1) : -1;
    const bucket = buckets[index];
    return bucket && <ChartTooltip {...readBucket(bucket)} marks={places[index]} />;
  };
  const bar = { yAxisId: "count", isAnimationActive: false } as const;

  return (
    <ComposedChart
      aria-label={label}
      width={room.width}
      height={room.height}
      data={rows}
      barCategoryGap="18%"
      margin={{ top: room.em / 2, right: 0, bottom: 0, left: 0 }}
    >
      <Hatches />
      <CartesianGrid vertical={false} stroke={palette.line} xAxisId="whole" yAxisId="count" />
      <TimeAxis
        id="whole"
        dataKey="startMs"
        ticks={bucketTicks(starts, labelsThatFit(plotWidth, room.em, LABEL_EM))}
        room={room}
      />
      {/* Bars share a place only on axes of their own. */}
      <XAxis xAxisId="part" dataKey="startMs" hide height={0} />
      <ValueAxis id="count" ticks={countTicks} format={compact} room={room} />
      <ValueAxis id="rate" ticks={rateTicks} format={percent} room={room} side="right" />
      {marks.map((mark, index) => {
        const start = starts.findLast((startMs) => startMs <= mark.timeMs);
        // A bucket has one place, its middle.
        return start === undefined
          ? null
          : markLine(mark, index, start, { xAxisId: "whole", yAxisId: "count" }, room);
      })}
      <Tooltip
        content={read}
        axisId="whole"
        filterNull={false}
        isAnimationActive={false}
        cursor={{ stroke: palette.quiet }}
      />
      <Bar {...bar} xAxisId="whole" dataKey="whole" shape={wholeShape} />
      <Bar {...bar} xAxisId="part" dataKey="part" shape={partShape} />
      <Line
        xAxisId="whole"
        yAxisId="rate"
        dataKey="comparedPct"
        type="linear"
        stroke={palette["rate compared"]}
        strokeWidth={room.em / 8}
        dot={false}
        activeDot={false}
        isAnimationActive={false}
      />
      {rateLine("settled", room)}
      {rateLine("soFar", room)}
    </ComposedChart>
  );
}

/** Dots, because a bucket's rate belongs to the bucket and not to the slope between two. */
function rateLine(part: "settled" | "soFar", { em }: Room) {
  const running = part === "soFar";
  return (
    <Line
      xAxisId="whole"
      yAxisId="rate"
      dataKey={part}
      type="linear"
      stroke={palette.rate}
      strokeWidth={em / 8}
      strokeDasharray={running ? "3 3" : "0"}
      strokeOpacity={running ? 0.7 : 1}
      dot={{ r: em / 6, fill: palette.panel, stroke: palette.rate, strokeDasharray: "0" }}
      activeDot={{ r: em / 4, fill: palette.rate, strokeWidth: 0 }}
      isAnimationActive={false}
    />
  );
}

function wholeShape(bar: BarShapeProps) {
  return <Column bar={bar} color="whole" insetPart={0} />;
}

function partShape(bar: BarShapeProps) {
  return <Column bar={bar} color="now" insetPart={0.22} />;
}

interface ColumnProps {
  bar: BarShapeProps;
  color: "whole" | "now";
  /** How much narrower than its place the column is, on each side. */
  insetPart: number;
}

function Column({ bar: { x, y, width, height, payload }, color, insetPart }: ColumnProps) {
  const inset = width * insetPart;
  return (
    <rect
      x={x + inset}
      y={y}
      width={Math.max(1, width - 2 * inset)}
      height={Math.max(0, height)}
      fill={payload.running ? `url(#so-far-${color})` : palette[color]}
    />
  );
}

function Hatches() {
  return (
    <defs>
      {(["whole", "now"] as const).map((color) => (
        <pattern
          key={color}
          id={`so-far-${color}`}
          width="6"
          height="6"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="6" height="6" fill={palette[color]} fillOpacity="0.25" />
          <rect width="2" height="6" fill={palette[color]} />
        </pattern>
      ))}
    </defs>
  );
}
