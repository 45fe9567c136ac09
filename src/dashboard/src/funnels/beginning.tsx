import type { Answers } from "../api/client.ts";
import { InnerLink } from "../pages/inner-link.tsx";
import { type Funnel, hrefOf } from "./funnel.ts";
import { suggestedFunnel } from "./suggested.ts";

interface BeginningProps {
  funnel: Funnel;
  seen: Answers["event_names"]["rows"];
}

/** Stands where the pictures will: what a funnel is, and one to begin with. */
export function Beginning({ funnel, seen }: BeginningProps) {
  const suggested = suggestedFunnel(seen, funnel.range);
  return (
    <section
      aria-label="Begin"
      className="flex min-h-[16rem] flex-col justify-center gap-1 rounded border border-line bg-panel p-2"
    >
      <p className="text-body text-plain">
        {funnel.steps.length === 0
          ? "A funnel counts who takes one step after the other, and shows where the others leave: pick two events or more."
          : "Pick a second event: where people go from here."}
      </p>
      {suggested !== null && funnel.steps.length === 0 && (
        <p className="text-body text-plain">
          For example{" "}
          <InnerLink
            href={hrefOf(suggested)}
            className="touch-target inline-flex flex-wrap items-center wrap-anywhere text-now underline"
          >
            {suggested.steps.map((step) => step.event_name).join(" → ")}
          </InnerLink>
        </p>
      )}
    </section>
  );
}
