import { useWatched } from "../api/watched.ts";
import { useNowMs } from "../clock.ts";
import { pageAgeMs } from "../freshness.ts";
import { type PanelAnswer, type PanelState, panelState } from "./panel-state.ts";

const LOOKS: Record<PanelState["kind"], { color: string; shape: string }> = {
  loading: { color: "text-quiet", shape: "" },
  fresh: { color: "text-quiet", shape: "" },
  stale: { color: "text-warn", shape: "▲ " },
  failed: { color: "text-bad", shape: "■ " },
};

interface StateLineProps {
  answer: PanelAnswer | undefined;
  failure: Error | null;
}

/** On its own, so that its once-a-second change does not draw the chart again. */
export function StateLine({ answer, failure }: StateLineProps) {
  const nowMs = useNowMs();
  const onPage = useWatched().flatMap(({ freshness }) => freshness ?? []);
  const { kind, words } = panelState(answer, failure, nowMs, pageAgeMs(onPage, nowMs));
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
