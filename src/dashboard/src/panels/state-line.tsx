import { useNowMs } from "../clock.ts";
import { type Freshness, type PanelState, panelState } from "./panel-state.ts";

const LOOKS: Record<PanelState["kind"], { color: string; shape: string }> = {
  loading: { color: "text-quiet", shape: "" },
  fresh: { color: "text-quiet", shape: "" },
  stale: { color: "text-warn", shape: "▲ " },
  failed: { color: "text-bad", shape: "■ " },
};

interface StateLineProps {
  answer: Freshness | undefined;
  failure: Error | null;
}

/** On its own, so that its once-a-second change does not draw the chart again. */
export function StateLine({ answer, failure }: StateLineProps) {
  const { kind, words } = panelState(answer, failure, useNowMs());
  const { color, shape } = LOOKS[kind];
  return (
    <p
      data-testid="panel-state"
      data-state={kind}
      title={words}
      className={`min-w-0 text-small tablet:truncate ${color}`}
    >
      <span aria-hidden="true">{shape}</span>
      {words}
    </p>
  );
}
