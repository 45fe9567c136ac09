import { useRef, useState } from "react";

const COPIED_WORDS = {
  not: "Copy",
  copied: "Copied",
  selected: "Press Ctrl+C",
} as const;

interface CopyableProps {
  text: string;
  testId: string;
  /** What it is, where a page has several: the button is then read out with it. */
  name?: string;
}

/** A line or more to paste elsewhere, and the button that copies it. */
export function Copyable({ text, testId, name }: CopyableProps) {
  const [copied, setCopied] = useState<keyof typeof COPIED_WORDS>("not");
  const code = useRef<HTMLElement>(null);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
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
        data-testid={testId}
        className="min-w-0 flex-1 font-mono text-small wrap-anywhere whitespace-pre-wrap text-plain"
      >
        {text}
      </code>
      <button
        type="button"
        onClick={copy}
        onBlur={() => setCopied("not")}
        aria-live="polite"
        className="touch-target shrink-0 cursor-pointer rounded border border-line bg-raised px-1 py-0.5 text-small text-strong hover:border-quiet"
      >
        {COPIED_WORDS[copied]}
        {name !== undefined && <span className="sr-only"> {name}</span>}
      </button>
    </div>
  );
}
