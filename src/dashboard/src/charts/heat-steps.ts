export interface HeatStep {
  /** The least share, in %, that has this colour. */
  fromPct: number;
  ground: string;
  text: string;
}

const LIGHT_TEXT = "#e8ebf1";
const DARK_TEXT = "#0b0e14";

/** The hue of "now", from almost none to all of it. Steps, so that a colour can be named by the key. */
export const HEAT_STEPS: readonly HeatStep[] = [
  { fromPct: 0, ground: "#161c26", text: LIGHT_TEXT },
  { fromPct: 5, ground: "#1a2c3d", text: LIGHT_TEXT },
  { fromPct: 10, ground: "#1f4059", text: LIGHT_TEXT },
  { fromPct: 20, ground: "#2a5f83", text: LIGHT_TEXT },
  { fromPct: 40, ground: "#4596c6", text: DARK_TEXT },
  { fromPct: 60, ground: "#7cc8f2", text: DARK_TEXT },
];

export function heatStep(pct: number): HeatStep {
  return HEAT_STEPS.findLast((step) => pct >= step.fromPct) ?? (HEAT_STEPS[0] as HeatStep);
}
