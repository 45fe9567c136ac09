import { Select } from "../select.tsx";
import { editFunnel } from "./edit.ts";
import type { FieldOption } from "./fields.ts";
import { type Funnel, fieldWords, lastWords, type Order, spanWords } from "./funnel.ts";

const WINDOWS = ["1m", "5m", "10m", "30m", "1h", "4h", "1d", "7d", "30d"];
const RANGES = ["1h", "4h", "6h", "24h", "7d", "30d", "90d"];

/** What holds for all steps, as a sentence. */
export function Settings({ funnel, fields }: { funnel: Funnel; fields: readonly FieldOption[] }) {
  const { window, range, order, breakdown } = funnel;
  const change = (changed: Partial<Funnel>) =>
    editFunnel((current) => ({ ...current, ...changed }));
  return (
    <div className="flex flex-col items-start gap-0.5">
      <Select
        label="Started in the last"
        value={range}
        options={withChosen(RANGES, range).map((span) => ({ value: span, label: lastWords(span) }))}
        onChange={(chosen) => change({ range: chosen })}
      />
      <Select
        label="Completed within"
        value={window}
        options={withChosen(WINDOWS, window).map((span) => ({
          value: span,
          label: spanWords(span),
        }))}
        onChange={(chosen) => change({ window: chosen })}
      />
      <Select
        label="Steps taken"
        value={order}
        options={[
          { value: "strict", label: "in this order" },
          { value: "any", label: "in any order" },
        ]}
        onChange={(chosen) => change({ order: chosen as Order })}
      />
      <Select
        label="Broken down by"
        value={breakdown ?? ""}
        options={withField(fields, breakdown)}
        onChange={(chosen) => change({ breakdown: chosen || null })}
      />
    </div>
  );
}

/** A link may hold any length of time. */
function withChosen(offered: readonly string[], chosen: string): readonly string[] {
  return offered.includes(chosen) ? offered : [chosen, ...offered];
}

function withField(fields: readonly FieldOption[], chosen: string | null): FieldOption[] {
  const unseen = chosen !== null && !fields.some((field) => field.value === chosen);
  return [
    { value: "", label: "nothing" },
    ...fields,
    ...(unseen ? [{ value: chosen, label: fieldWords(chosen) }] : []),
  ];
}
