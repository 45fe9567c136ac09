import { Footer } from "./footer.tsx";
import { Header } from "./header/header.tsx";
import { ActiveUsers } from "./panels/active-users/draw.tsx";
import { ErrorRate } from "./panels/error-rate/draw.tsx";
import { SignupFunnel } from "./panels/signup-funnel/draw.tsx";
import { TopFeatures } from "./panels/top-features/draw.tsx";
import { useRange } from "./range.ts";

/** Four panels on one screen; below 900 px, one under the other. */
export function App() {
  const range = useRange();
  return (
    <div className="flex min-h-dvh flex-col gap-1.5 px-2 py-1.5 desk:h-dvh desk:min-h-[600px]">
      <Header range={range} />
      <main className="grid min-h-0 flex-1 grid-cols-1 gap-2 desk:grid-cols-2 desk:grid-rows-2">
        <ActiveUsers range={range} />
        <SignupFunnel range={range} />
        <TopFeatures range={range} />
        <ErrorRate range={range} />
      </main>
      <Footer />
    </div>
  );
}
