import { ReferenceLine } from "recharts";
import { type Room, SMALL_EM } from "./measured.tsx";
import { palette } from "./palette.ts";

/** A moment that somebody has marked. */
export interface ChartMark {
  id: string;
  timeMs: number;
  text: string;
  /** All there is to say of it. */
  name: string;
}

/** Characters that stand beside the line; the whole text is its name and its tooltip. */
const LABEL_CHARS_MAX = 20;

/** Neighbours' texts stand in rows of their own, or they would hide each other. */
const LABEL_ROWS = 3;

/** A thin line at a moment, with its text at the top. `index`: among the chart's marks. */
export function markLine(
  mark: ChartMark,
  index: number,
  x: number,
  axes: { xAxisId: string; yAxisId: string },
  room: Room,
) {
  return (
    <ReferenceLine
      key={mark.id}
      {...axes}
      x={x}
      stroke={palette.strong}
      strokeWidth={1}
      strokeOpacity={0.7}
      label={({ viewBox }: { viewBox?: unknown }) => (
        <MarkLabel mark={mark} row={index % LABEL_ROWS} box={viewBox as Box} room={room} />
      )}
    />
  );
}

interface Box {
  x: number;
  y: number;
  height: number;
}

interface MarkLabelProps {
  mark: ChartMark;
  row: number;
  box: Box;
  room: Room;
}

function MarkLabel({ mark, row, box, room }: MarkLabelProps) {
  const { text, name } = mark;
  const short = text.length > LABEL_CHARS_MAX ? `${text.slice(0, LABEL_CHARS_MAX - 1)}…` : text;
  // Beyond the middle of the chart it stands before its line, where there is room.
  const before = box.x > room.width / 2;
  const gap = room.em / 3;
  return (
    <g data-testid="annotation">
      <title>{name}</title>
      {/* Wide enough to be pointed at. */}
      <rect x={box.x - gap} y={box.y} width={2 * gap} height={box.height} fill="transparent" />
      <text
        x={before ? box.x - gap : box.x + gap}
        y={box.y + room.em * (0.7 + row)}
        textAnchor={before ? "end" : "start"}
        fontSize={SMALL_EM * room.em}
        fill={palette.strong}
        stroke={palette.panel}
        strokeWidth={room.em / 3}
        paintOrder="stroke"
      >
        {short}
      </text>
    </g>
  );
}
