import type { UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import type { Answers } from "../api/client.ts";
import { Editor } from "./editor.tsx";
import { type Funnel, lastWords, STEPS_MIN, spanWords } from "./funnel.ts";
import { SavedFunnels } from "./saved-funnels.tsx";

interface FunnelDeskProps {
  funnel: Funnel;
  /** What the page's URL holds and cannot be read. */
  unread: readonly string[];
  names: UseQueryResult<Answers["event_names"]>;
}

const DESK = "(min-width: 900px)";

/** Beside the pictures; over them on a small screen, where it is folded once there is something to look at. */
export function FunnelDesk({ funnel, unread, names }: FunnelDeskProps) {
  const { steps, range, window: within } = funnel;
  const [open, setOpen] = useState(
    () => steps.length < STEPS_MIN || window.matchMedia(DESK).matches,
  );
  return (
    <section
      aria-labelledby="funnel-desk-title"
      className="flex min-w-0 flex-col gap-1 rounded border border-line bg-panel p-2 pt-1.5"
    >
      <div className="flex items-baseline justify-between gap-x-1">
        <h2 id="funnel-desk-title" className="text-title font-medium text-strong">
          Funnel
        </h2>
        <button
          type="button"
          aria-expanded={open}
          aria-controls="funnel-desk"
          onClick={() => setOpen(!open)}
          className="touch-target cursor-pointer rounded px-0.5 text-body text-quiet hover:bg-raised hover:text-strong"
        >
          {open ? "Fold" : "Change"}
        </button>
      </div>
      {!open && (
        <p className="text-body wrap-anywhere text-plain">
          {steps.map((step) => step.event_name).join(" → ")}, within {spanWords(within)}, in the
          last {lastWords(range)}
        </p>
      )}
      <div id="funnel-desk" hidden={!open} className={open ? "flex flex-col gap-2" : ""}>
        {unread.map((part) => (
          <p key={part} className="text-small wrap-anywhere text-warn">
            ▲ Left out, since it cannot be read: {part}
          </p>
        ))}
        {names.failureReason !== null && (
          <p role="alert" className="text-small text-bad">
            ■ The names of events cannot be listed: {names.failureReason.message}. Names can be
            typed.
          </p>
        )}
        <Editor funnel={funnel} seen={names.data?.rows ?? []} />
        <SavedFunnels funnel={funnel} />
      </div>
    </section>
  );
}
