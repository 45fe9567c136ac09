import { useEffect, useEffectEvent } from "react";
import { full } from "../../figures.ts";
import { TAIL_EVENTS_MAX } from "./tail.ts";

interface PauseButtonProps {
  isPaused: boolean;
  newEvents: number;
  onToggle: () => void;
}

/** Space does the same wherever it does nothing else. */
export function PauseButton({ isPaused, newEvents, onToggle }: PauseButtonProps) {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.key === " " && target.closest("a, button, input, select, textarea") === null) {
      event.preventDefault();
      onToggle();
    }
  });
  useEffect(() => {
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);

  const count = newEvents < TAIL_EVENTS_MAX ? full(newEvents) : `${full(TAIL_EVENTS_MAX)}+`;
  return (
    <button
      type="button"
      onClick={onToggle}
      aria-keyshortcuts="Space"
      title="Space"
      className="touch-target shrink-0 cursor-pointer rounded border border-line bg-raised px-1 text-body text-strong hover:border-quiet"
    >
      {isPaused ? `Resume, ${count} new` : "Pause"}
    </button>
  );
}
