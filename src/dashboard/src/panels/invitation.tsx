import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { info } from "../api/polling.ts";
import { curlLine, type SampleEvent } from "./sample-event.ts";

const COPIED_WORDS = {
  not: "Copy",
  copied: "Copied",
  selected: "Press Ctrl+C",
} as const;

/** Stands where the chart would: which event fills the panel, and the line that sends one. */
export function Invitation({ missing, event }: { missing: string; event: SampleEvent }) {
  const { data } = useQuery(info);
  return (
    <div className="flex h-full flex-col justify-center-safe gap-1 overflow-y-auto">
      <p className="text-body text-plain">
        {missing} A <code className="font-mono text-strong">{event.event_name}</code> event fills
        this panel:
      </p>
      {data !== undefined && <CopyableLine line={curlLine(data.ingest_url, event)} />}
    </div>
  );
}

function CopyableLine({ line }: { line: string }) {
  const [copied, setCopied] = useState<keyof typeof COPIED_WORDS>("not");
  const code = useRef<HTMLElement>(null);

  async function copy() {
    try {
      await navigator.clipboard.writeText(line);
      setCopied("copied");
    } catch {
      // Browsers keep the clipboard from pages that came over plain HTTP from another machine.
      if (code.current !== null) {
        window.getSelection()?.selectAllChildren(code.current);
      }
      setCopied("selected");
    }
  }

  return (
    <div className="flex items-start gap-1 rounded border border-line bg-ground p-1">
      <code
        ref={code}
        data-testid="curl-line"
        className="min-w-0 flex-1 font-mono text-small wrap-anywhere whitespace-pre-wrap text-plain"
      >
        {line}
      </code>
      <button
        type="button"
        onClick={copy}
        onBlur={() => setCopied("not")}
        aria-live="polite"
        className="touch-target shrink-0 cursor-pointer rounded border border-line bg-raised px-1 py-0.5 text-small text-strong hover:border-quiet"
      >
        {COPIED_WORDS[copied]}
      </button>
    </div>
  );
}
