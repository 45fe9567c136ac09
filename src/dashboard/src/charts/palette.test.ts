import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HEAT_STEPS } from "./heat-steps.ts";
import { palette } from "./palette.ts";

type Rgb = readonly [number, number, number];

/** For text, WCAG 2.2, 1.4.3; for what must be seen to read a chart, 1.4.11. */
const TEXT_CONTRAST_MIN = 4.5;
const SHAPE_CONTRAST_MIN = 3;
/** In CIELAB: some ten times what can just be told apart when side by side. */
const DISTANCE_MIN = 20;

const GROUNDS = ["ground", "panel", "raised"];
const TEXTS = ["strong", "plain", "quiet", "now", "good", "warn", "bad"];
const SERIES = ["now", "compared", "whole", "rate", "bad"];

/** Machado, Oliveira and Fernandes 2009, at full severity, for linear RGB: doi.org/10.1109/TVCG.2009.113 */
const SIGHTS: Record<string, readonly [Rgb, Rgb, Rgb]> = {
  full: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const frame = readFileSync(new URL("../panels/panel-frame.tsx", import.meta.url), "utf8");
const styles = readFileSync(new URL("../styles.css", import.meta.url), "utf8");

/** A colour of the theme, as `#rrggbb`. */
function hex(name: string): string {
  const [, found] = new RegExp(`--color-${name}: (#[0-9a-f]{6});`).exec(styles) ?? [];
  if (found === undefined) {
    throw new Error(`styles.css has no colour ${name}`);
  }
  return found;
}

/** A colour of the theme, in linear RGB. */
function token(name: string): Rgb {
  return linear(hex(name));
}

/** What a browser makes of a colour that is not opaque. */
function blend(color: string, ground: string, share: number): string {
  const channel = (at: number) => {
    const [over, under] = [color, ground].map((of) => Number.parseInt(of.slice(at, at + 2), 16));
    return Math.round((over as number) * share + (under as number) * (1 - share));
  };
  return `#${[1, 3, 5].map((at) => channel(at).toString(16).padStart(2, "0")).join("")}`;
}

function linear(color: string): Rgb {
  const channel = (at: number) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

function dot([x, y, z]: Rgb, [a, b, c]: Rgb): number {
  return x * a + y * b + z * c;
}

function luminance(color: Rgb): number {
  return dot([0.2126, 0.7152, 0.0722], color);
}

function contrast(one: Rgb, other: Rgb): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [
    number,
    number,
  ];
  return (light + 0.05) / (dark + 0.05);
}

function seen(color: Rgb, [red, green, blue]: readonly [Rgb, Rgb, Rgb]): Rgb {
  const within = (value: number) => Math.min(1, Math.max(0, value));
  return [within(dot(red, color)), within(dot(green, color)), within(dot(blue, color))];
}

/** CIELAB under D65. */
function lab(color: Rgb): Rgb {
  const cubed = (value: number) =>
    value > 216 / 24_389 ? Math.cbrt(value) : ((24_389 / 27) * value + 16) / 116;
  const x = cubed(dot([0.4124564, 0.3575761, 0.1804375], color) / 0.95047);
  const y = cubed(dot([0.2126729, 0.7151522, 0.072175], color));
  const z = cubed(dot([0.0193339, 0.119192, 0.9503041], color) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function distance(one: Rgb, other: Rgb): number {
  const [a, b] = [lab(one), lab(other)];
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

const pairs = SERIES.flatMap((one, at) =>
  SERIES.slice(at + 1).map((other) => [one, other] as const),
);

describe("the palette", () => {
  it("is_the_themes", () => {
    for (const color of Object.values(palette)) {
      expect(() => token(color.slice("var(--color-".length, -1))).not.toThrow();
    }
  });

  it.each(TEXTS.flatMap((text) => GROUNDS.map((ground) => [text, ground] as const)))(
    "can_be_read: %s on %s",
    (text, ground) => {
      expect(contrast(token(text), token(ground))).toBeGreaterThanOrEqual(TEXT_CONTRAST_MIN);
    },
  );

  it("can_be_read_where_a_panel_is_dimmed", () => {
    const [, percent] = /dimmed \? "opacity-(\d+)/.exec(frame) ?? [];
    const share = Number(percent) / 100;
    const mixed = TEXTS.map((text) => blend(hex(text), hex("panel"), share));
    for (const color of mixed) {
      expect(contrast(linear(color), token("panel"))).toBeGreaterThanOrEqual(TEXT_CONTRAST_MIN);
    }
  });

  it.each(SERIES)("can_be_seen_on_a_panel: %s", (series) => {
    expect(contrast(token(series), token("panel"))).toBeGreaterThanOrEqual(SHAPE_CONTRAST_MIN);
  });

  it.each(HEAT_STEPS.map(({ ground, text }) => [text, ground] as const))(
    "can_be_read_in_a_table_of_shares: %s on %s",
    (text, ground) => {
      expect(contrast(linear(text), linear(ground))).toBeGreaterThanOrEqual(TEXT_CONTRAST_MIN);
    },
  );

  it.each(
    Object.entries(SIGHTS).flatMap(([name, sight]) =>
      pairs.map((pair) => [name, ...pair, sight] as const),
    ),
  )("can_be_told_apart_with %s sight: %s and %s", (_, one, other, sight) => {
    const apart = distance(seen(token(one), sight), seen(token(other), sight));
    expect(apart).toBeGreaterThanOrEqual(DISTANCE_MIN);
  });
});
