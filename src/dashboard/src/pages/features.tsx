import { FeatureAdoption } from "../panels/feature-adoption/draw.tsx";
import { Retention } from "../panels/retention/draw.tsx";
import { HOURS } from "../range.ts";
import { useParameter } from "../url-state.ts";

/** Who uses what, and who comes back. */
export function Features() {
  const [range] = useParameter(HOURS);
  return (
    <div className="grid grid-cols-1 gap-2">
      <FeatureAdoption range={range} />
      <Retention />
    </div>
  );
}
