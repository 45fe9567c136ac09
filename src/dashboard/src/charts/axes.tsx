import { XAxis, YAxis } from "recharts";
import { clockTime, day } from "../times.ts";
import type { Room } from "./measured.tsx";
import type { valueTicks } from "./scale.ts";

const BARE = { tickLine: false, axisLine: false, interval: 0 } as const;

/** The width of a value axis: fixed, so that no chart moves when its values grow a digit. */
export const VALUE_AXIS_EM = 3.2;

interface TimeAxisProps {
  id: string;
  /** The field of a row that holds its time in ms. */
  dataKey: string;
  ticks: number[];
  room: Room;
  /** Without it every row has a band of its own, as bars need. */
  domain?: [number, number];
}

/** Local time along the bottom. */
export function TimeAxis({ id, dataKey, ticks, room, domain }: TimeAxisProps) {
  return (
    <XAxis
      {...BARE}
      {...(domain === undefined ? {} : { type: "number", domain })}
      xAxisId={id}
      dataKey={dataKey}
      ticks={ticks}
      tickFormatter={spansDays(ticks) ? day : clockTime}
      height={1.5 * room.em}
    />
  );
}

const TWO_DAYS_MS = 48 * 3_600_000;

/** Over days, the time of day tells nothing apart. */
function spansDays(ticks: readonly number[]): boolean {
  return (ticks.at(-1) ?? 0) - (ticks[0] ?? 0) >= TWO_DAYS_MS;
}

interface ValueAxisProps {
  id: string;
  ticks: ReturnType<typeof valueTicks>;
  format: (value: number) => string;
  room: Room;
  side?: "left" | "right";
}

/** From zero, with its ticks at nothing, half and full. */
export function ValueAxis({ id, ticks, format, room, side = "left" }: ValueAxisProps) {
  return (
    <YAxis
      {...BARE}
      yAxisId={id}
      orientation={side}
      domain={[0, ticks[2]]}
      ticks={ticks}
      tickFormatter={format}
      width={VALUE_AXIS_EM * room.em}
    />
  );
}
