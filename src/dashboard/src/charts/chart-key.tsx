import { palette } from "./palette.ts";

const MARKS = {
  line: <path d="M0 6h16" stroke={palette.now} strokeWidth="2" />,
  "line so far": <path d="M0 6h16" stroke={palette.now} strokeWidth="2" strokeDasharray="3 3" />,
  rate: <path d="M0 6h16" stroke={palette.rate} strokeWidth="2" />,
  "line compared": <path d="M0 6h16" stroke={palette.compared} strokeWidth="2" />,
  "rate compared": <path d="M0 6h16" stroke={palette["rate compared"]} strokeWidth="2" />,
  "part compared": <rect x="2" width="12" height="12" rx="1" fill={palette.compared} />,
  whole: <rect x="2" width="12" height="12" rx="1" fill={palette.whole} />,
  part: <rect x="2" width="12" height="12" rx="1" fill={palette.now} />,
  compared: <rect x="2" width="12" height="12" rx="1" fill={palette.compared} />,
  "bars so far": (
    <path d="M2 12 L14 0 M2 5 L7 0 M9 12 L14 7" stroke={palette.quiet} strokeWidth="1.5" />
  ),
} as const;

export interface KeyEntry {
  mark: keyof typeof MARKS;
  label: string;
}

export function ChartKey({ entries }: { entries: readonly KeyEntry[] }) {
  return (
    <ul
      className={`flex flex-wrap gap-x-1.5 text-small text-quiet ${entries.length > 2 ? "tablet:grid tablet:grid-cols-[auto_auto]" : ""}`}
    >
      {entries.map(({ mark, label }) => (
        <li key={label} className="flex items-center gap-0.5 whitespace-nowrap">
          <svg aria-hidden="true" viewBox="0 0 16 12" className="h-[0.7em]">
            {MARKS[mark]}
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
