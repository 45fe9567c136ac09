import type { ChartMark } from "./mark-line.tsx";

/** What a chart says about the point under the pointer. */
export interface Reading {
  heading: string;
  figures: readonly { label: string; value: string }[];
}

/** Figures under one another, so that they can be compared, and what somebody has marked there. */
export function ChartTooltip({
  heading,
  figures,
  marks = [],
}: Reading & { marks?: readonly ChartMark[] | undefined }) {
  return (
    <div className="rounded border border-line bg-raised px-1.5 py-1 text-small shadow-none">
      <p className="text-quiet">{heading}</p>
      <dl className="grid grid-cols-[auto_auto] gap-x-2">
        {figures.map(({ label, value }) => (
          <div key={label} className="col-span-2 grid grid-cols-subgrid">
            <dt className="text-plain">{label}</dt>
            <dd className="text-right text-strong">{value}</dd>
          </div>
        ))}
      </dl>
      {marks.map(({ id, text }) => (
        <p key={id} className="max-w-[20em] wrap-anywhere whitespace-normal text-strong">
          <bdi>{text}</bdi>
        </p>
      ))}
    </div>
  );
}
