/** What a chart says about the point under the pointer. */
export interface Reading {
  heading: string;
  figures: readonly { label: string; value: string }[];
}

/** Figures under one another, so that they can be compared. */
export function ChartTooltip({ heading, figures }: Reading) {
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
    </div>
  );
}
