import { useStream } from "../api/stream.ts";
import { useWatched } from "../api/watched.ts";
import { useNowMs } from "../clock.ts";
import { type Light, light } from "./light.ts";

const LOOKS: Record<Light["state"], { color: string; shape: string }> = {
  green: { color: "text-good", shape: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z" },
  yellow: { color: "text-warn", shape: "M8 1 16 15H0Z" },
  red: { color: "text-bad", shape: "M1 1h14v14H1Z" },
};

/** How the asking goes, whatever the page asks. A page that asks nothing has no light. */
export function StatusLight() {
  const shown = useWatched();
  const { state: stream } = useStream();
  const nowMs = useNowMs();
  if (shown.length === 0) {
    return <p role="status" />;
  }
  const { state, words } = light(shown, stream, nowMs);
  const { color, shape } = LOOKS[state];
  return (
    <p
      role="status"
      data-state={state}
      title={words}
      className={`flex min-w-0 items-center gap-1 ${color}`}
    >
      <svg aria-hidden="true" viewBox="0 0 16 16" className="size-[0.8em] shrink-0 fill-current">
        <path d={shape} />
      </svg>
      <span className="tablet:truncate">{words}</span>
    </p>
  );
}
