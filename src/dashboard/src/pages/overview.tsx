import { COMPARE } from "../compare.ts";
import { ActiveUsers } from "../panels/active-users/draw.tsx";
import { ErrorRate } from "../panels/error-rate/draw.tsx";
import { SignupFunnel } from "../panels/signup-funnel/draw.tsx";
import { TopFeatures } from "../panels/top-features/draw.tsx";
import { HOURS } from "../range.ts";
import { useParameter } from "../url-state.ts";

/** Four panels on one screen; below 900 px, one under the other. */
export function Overview() {
  const [range] = useParameter(HOURS);
  const [compare] = useParameter(COMPARE);
  return (
    <div
      data-one-screen
      className="grid min-h-0 flex-1 grid-cols-1 gap-2 desk:grid-cols-2 desk:grid-rows-2"
    >
      <ActiveUsers range={range} compare={compare} />
      <SignupFunnel range={range} compare={compare} />
      <TopFeatures range={range} compare={compare} />
      <ErrorRate range={range} compare={compare} />
    </div>
  );
}
