/** The theme's colours, for attributes of SVG elements that a class cannot reach. */
export const palette = {
  now: "var(--color-now)",
  compared: "var(--color-compared)",
  whole: "var(--color-whole)",
  rate: "var(--color-rate)",
  "rate compared": "var(--color-rate-compared)",
  bad: "var(--color-bad)",
  line: "var(--color-line)",
  quiet: "var(--color-quiet)",
  strong: "var(--color-strong)",
  panel: "var(--color-panel)",
} as const;
