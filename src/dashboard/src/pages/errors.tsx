import { ErrorBreakdown } from "../panels/error-breakdown/draw.tsx";
import { ErrorRate } from "../panels/error-rate/draw.tsx";
import { HOURS } from "../range.ts";
import { useParameter } from "../url-state.ts";

/** How many events are errors, and which errors they are. */
export function Errors() {
  const [range] = useParameter(HOURS);
  return (
    <div className="grid grid-cols-1 gap-2 desk:grid-rows-[22rem_auto]">
      <ErrorRate range={range} />
      <ErrorBreakdown range={range} />
    </div>
  );
}
