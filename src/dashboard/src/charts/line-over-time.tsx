import {
  CartesianGrid,
  Line,
  LineChart,
  ReferenceLine,
  Tooltip,
  type TooltipContentProps,
} from "recharts";
import { TimeAxis, VALUE_AXIS_EM, ValueAxis } from "./axes.tsx";
import { ChartTooltip, type Reading } from "./chart-tooltip.tsx";
import { type ChartMark, markLine } from "./mark-line.tsx";
import { marksByPlace } from "./marks.ts";
import { Measured, type Room, SMALL_EM } from "./measured.tsx";
import { palette } from "./palette.ts";
import { LABEL_EM, labelsThatFit, timeTicks, valueTicks } from "./scale.ts";
import { type Point, stretches } from "./stretches.ts";

export interface Threshold {
  value: number;
  label: string;
}

interface LineOverTimeProps<Shown extends Point> {
  label: string;
  points: readonly Shown[];
  formatValue: (value: number) => string;
  readPoint: (point: Shown) => Reading;
  /** The scale always holds it, so that the line's distance from it can be seen. */
  threshold?: Threshold;
  marks?: readonly ChartMark[];
}

/** One value per minute, from zero; gaps stay gaps and the running minute is dashed. */
export function LineOverTime<Shown extends Point>(props: LineOverTimeProps<Shown>) {
  return <Measured label={props.label}>{(room) => <Drawn {...props} room={room} />}</Measured>;
}

function Drawn<Shown extends Point>({
  label,
  points,
  formatValue,
  readPoint,
  threshold,
  marks = [],
  room,
}: LineOverTimeProps<Shown> & { room: Room }) {
  const parts = stretches(points);
  const behind = stretches(points.map((p) => ({ value: p.compared ?? null, running: false })));
  const rows = points.map((point, index) => ({ ...point, ...parts[index], index }));
  const ticks = valueTicks(
    Math.max(
      threshold === undefined ? 0 : 2 * threshold.value,
      ...points.flatMap((p) => [p.value ?? 0, p.compared ?? 0]),
    ),
  );
  const fromMs = points[0]?.timeMs ?? 0;
  const toMs = points.at(-1)?.timeMs ?? 0;
  const plotWidth = room.width - VALUE_AXIS_EM * room.em;
  const places = marksByPlace(
    points.map((point) => point.timeMs),
    marks,
  );
  const read = ({ active, payload }: TooltipContentProps) => {
    const index: number = active ? (payload[0]?.payload.index ?? -1) : -1;
    const point = points[index];
    return point && <ChartTooltip {...readPoint(point)} marks={places[index]} />;
  };
  const line = {
    xAxisId: "time",
    yAxisId: "value",
    type: "linear",
    stroke: palette.now,
    // At a day of minutes there are more points than pixels; a full stroke would be a smear.
    strokeWidth: rows.length > room.width ? 1 : room.em / 8,
    strokeLinejoin: "round",
    isAnimationActive: false,
    activeDot: { r: room.em / 4, strokeWidth: 0 },
  } as const;

  return (
    <LineChart
      aria-label={label}
      width={room.width}
      height={room.height}
      data={rows}
      margin={{ top: room.em / 2, right: 1.3 * room.em, bottom: 0, left: 0 }}
    >
      <CartesianGrid vertical={false} stroke={palette.line} xAxisId="time" yAxisId="value" />
      <TimeAxis
        id="time"
        dataKey="timeMs"
        domain={[fromMs, toMs]}
        ticks={timeTicks(fromMs, toMs, labelsThatFit(plotWidth, room.em, LABEL_EM))}
        room={room}
      />
      <ValueAxis id="value" ticks={ticks} format={formatValue} room={room} />
      <Tooltip
        content={read}
        axisId="time"
        filterNull={false}
        isAnimationActive={false}
        cursor={{ stroke: palette.quiet }}
      />
      {marks.map((mark, index) => {
        // The running minute has its place at its start, where the axis ends.
        const x = Math.min(mark.timeMs, toMs);
        return markLine(mark, index, x, { xAxisId: "time", yAxisId: "value" }, room);
      })}
      {threshold !== undefined && <ThresholdLine {...threshold} room={room} />}
      <Line
        {...line}
        dataKey="compared"
        stroke={palette.compared}
        dot={loneDots(behind, "settled", room, palette.compared)}
        activeDot={false}
      />
      <Line {...line} dataKey="settled" dot={loneDots(rows, "settled", room)} />
      <Line
        {...line}
        dataKey="soFar"
        strokeDasharray="3 3"
        strokeOpacity={0.6}
        dot={loneDots(rows, "soFar", room)}
      />
    </LineChart>
  );
}

function ThresholdLine({ value, label, room }: Threshold & { room: Room }) {
  return (
    <ReferenceLine
      xAxisId="time"
      yAxisId="value"
      y={value}
      stroke={palette.bad}
      strokeDasharray="6 4"
      strokeWidth={room.em / 10}
      label={{
        value: label,
        position: "insideBottomLeft",
        fill: palette.bad,
        fontSize: SMALL_EM * room.em,
        // A halo, so that the line may pass behind the words.
        stroke: palette.panel,
        strokeWidth: room.em / 3,
        paintOrder: "stroke",
      }}
    />
  );
}

interface DotPlace {
  cx?: number;
  cy?: number;
  index?: number;
}

/** A point with a gap on both sides has no line to be seen by. */
function loneDots(
  rows: readonly { lone?: boolean; settled?: number | null; soFar?: number | null }[],
  part: "settled" | "soFar",
  { em }: Room,
  color: string = palette.now,
) {
  if (!rows.some((row) => row.lone)) {
    return false;
  }
  return ({ cx, cy, index = -1 }: DotPlace) => {
    const row = rows[index];
    if (!row?.lone || row[part] == null) {
      return <g key={index} />;
    }
    return <circle key={index} cx={cx} cy={cy} r={em / 5} fill={color} />;
  };
}
