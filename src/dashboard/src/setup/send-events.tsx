import { Copyable } from "../copyable.tsx";
import { curlLine } from "../panels/sample-event.ts";
import { Card } from "./card.tsx";
import { annotationLine, browserSnippet, isLoopback } from "./snippets.ts";

interface SendEventsProps {
  ingestUrl: string;
  /** For events. */
  keyNeeded: boolean;
  /** For the dashboard's API. */
  tokenNeeded: boolean;
}

/** Snippets to paste, with the address that takes events here. */
export function SendEvents({ ingestUrl, keyNeeded, tokenNeeded }: SendEventsProps) {
  return (
    <Card name="send-events" title="Send events">
      <p>
        Events go to <code className="font-mono text-strong">{ingestUrl}/events</code>.
        {isLoopback(ingestUrl) && (
          <>
            {" "}
            Only this machine reaches it: set{" "}
            <code className="font-mono text-strong">WEIR_INGEST_URL</code> to the address that
            browsers use.
          </>
        )}
      </p>
      {keyNeeded && (
        <p>
          Put a write key in the place of <code className="font-mono text-strong">wk_…</code>. It
          may be seen in a web page: with it, one can send events and nothing else.
        </p>
      )}
      <Snippet title="From a shell" testId="curl-line">
        {curlLine(ingestUrl, { event_name: "page_view" }, keyNeeded)}
      </Snippet>
      <Snippet title="From a browser" testId="browser-snippet">
        {browserSnippet(ingestUrl, keyNeeded)}
      </Snippet>
      <Snippet
        title="Mark a moment on the charts, as whatever deploys can"
        testId="annotation-line"
      >
        {annotationLine(window.location.origin, tokenNeeded)}
      </Snippet>
    </Card>
  );
}

function Snippet({ title, testId, children }: { title: string; testId: string; children: string }) {
  return (
    <div className="flex flex-col gap-0.5">
      <h3 className="text-strong">{title}</h3>
      <Copyable testId={testId} text={children} name={title} />
    </div>
  );
}
