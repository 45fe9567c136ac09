import { expect, it } from "vitest";
import { HEAT_STEPS, heatStep } from "./heat-steps.ts";

const CONTRAST_MIN = 4.5;

/** Relative luminance and contrast as WCAG 2.2 defines them. */
function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [less, more] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (more + 0.05) / (less + 0.05);
}

it("a_share_has_the_colour_of_the_step_it_has_reached", () => {
  expect([0, 4.9, 5, 39.9, 40, 100].map((pct) => heatStep(pct).fromPct)).toEqual([
    0, 0, 5, 20, 40, 60,
  ]);
});

it("every_step_can_be_read", () => {
  for (const { ground, text } of HEAT_STEPS) {
    expect(contrast(ground, text), `${text} on ${ground}`).toBeGreaterThanOrEqual(CONTRAST_MIN);
  }
});

it("steps_grow_lighter", () => {
  const steps = HEAT_STEPS.map(({ ground }) => luminance(ground));
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
});
