import type { ReactNode } from "react";
import { Card } from "./card.tsx";

/** Where to look, the likeliest first. */
export function Troubleshooting({
  ingestUrl,
  retentionDays,
}: {
  ingestUrl: string;
  retentionDays: number;
}) {
  return (
    <Card name="troubleshooting" title="When nothing arrives">
      <ol className="flex list-decimal flex-col gap-0.5 pl-2.5">
        <li>
          Paste the line for a shell. <Code>202</Code> means that the event is on disk; any other
          reply says what would be right.
        </li>
        <li>
          Look at the reply in the browser's network tools. It counts the events that were rejected
          and says why; so does the table above, and <Code>GET /api/rejected</Code> shows each.
        </li>
        <li>
          No request at all: the page must reach <Code>{ingestUrl}</Code>. A page on HTTPS may only
          send to HTTPS, and some blockers keep requests from other hosts.
        </li>
        <li>
          A <Code>timestamp</Code> may be 10 minutes ahead and {retentionDays} days behind. Charts
          show an event at its own time: one of last week is not in the last hour.
        </li>
        <li>
          The panels are made of <Code>signup_started</Code>, <Code>signup_completed</Code>,{" "}
          <Code>feature_used</Code> with the property <Code>feature</Code>, and{" "}
          <Code>error_occurred</Code>.
        </li>
        <li>
          <Code>GET {ingestUrl}/health</Code> says how ingestion is, and Weir's log what went wrong.
        </li>
      </ol>
    </Card>
  );
}

function Code({ children }: { children: ReactNode }) {
  return <code className="font-mono text-small text-strong wrap-anywhere">{children}</code>;
}
