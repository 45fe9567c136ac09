import { useQuery } from "@tanstack/react-query";
import { askPropertyKeys } from "./ask.ts";
import { editFunnel } from "./edit.ts";
import { fieldOptions } from "./fields.ts";

/** More would not be read; the rest is in the editor. */
const OFFERED_MAX = 8;

/** Stands where the breakdown would. */
export function BreakdownOffer({ firstEvent }: { firstEvent: string }) {
  const { data: keys } = useQuery(askPropertyKeys(firstEvent));
  return (
    <section
      aria-labelledby="breakdown-offer-title"
      className="flex flex-wrap items-center gap-1 rounded border border-line bg-panel p-2"
    >
      <h2 id="breakdown-offer-title" className="text-title font-medium text-strong">
        Who leaves?
      </h2>
      <p className="text-body text-plain">Break it down by</p>
      {fieldOptions(keys)
        .slice(0, OFFERED_MAX)
        .map(({ value, label }) => (
          <button
            key={value}
            type="button"
            onClick={() => editFunnel((funnel) => ({ ...funnel, breakdown: value }))}
            className="touch-target max-w-full cursor-pointer truncate rounded border border-line bg-raised px-1 py-px text-body text-strong hover:border-quiet"
          >
            <bdi dir="auto">{label}</bdi>
          </button>
        ))}
    </section>
  );
}
