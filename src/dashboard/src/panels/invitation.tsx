import { useQuery } from "@tanstack/react-query";
import { info } from "../api/polling.ts";
import { Copyable } from "../copyable.tsx";
import { curlLine, type SampleEvent } from "./sample-event.ts";

interface InvitationProps {
  missing: string;
  event: SampleEvent;
  /** What the line is for, where it is not the event's name that fills the panel. */
  words?: string | undefined;
}

/** Stands where the chart would: which event fills the panel, and the line that sends one. */
export function Invitation({ missing, event, words }: InvitationProps) {
  const { data } = useQuery(info);
  return (
    <div className="flex h-full flex-col justify-center-safe gap-1 overflow-y-auto">
      <p className="text-body text-plain">
        {missing}{" "}
        {words ?? (
          <>
            A <code className="font-mono text-strong">{event.event_name}</code> event fills this
            panel:
          </>
        )}
      </p>
      {data !== undefined && (
        <Copyable
          testId="curl-line"
          text={curlLine(data.ingest_url, event, data.write_key_needed)}
        />
      )}
    </div>
  );
}
