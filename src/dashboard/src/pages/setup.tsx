import { useQuery } from "@tanstack/react-query";
import { useCaller } from "../access/ask.ts";
import { mayDo } from "../access/map.ts";
import { info } from "../api/polling.ts";
import { askStatus } from "../setup/ask.ts";
import { Credentials } from "../setup/credentials.tsx";
import { Health, RejectedReasons } from "../setup/health.tsx";
import { SendEvents } from "../setup/send-events.tsx";
import { Troubleshooting } from "../setup/troubleshooting.tsx";

/** How to send events, whether they arrive, and where to look when they do not. */
export function Setup() {
  const { data: about } = useQuery(info);
  const caller = useCaller();
  const { data: status, failureReason } = useQuery(askStatus);
  return (
    <div className="grid grid-cols-1 items-start gap-2 desk:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-2">
        {about !== undefined && (
          <SendEvents
            ingestUrl={about.ingest_url}
            keyNeeded={about.write_key_needed}
            tokenNeeded={caller !== undefined && caller.caller !== "open"}
          />
        )}
        {about !== undefined &&
          mayDo(caller, "admin") &&
          (about.write_key_needed || caller?.caller !== "open") && <Credentials />}
      </div>
      <div className="flex min-w-0 flex-col gap-2">
        <Health status={status} failure={failureReason} />
        <RejectedReasons reasons={status?.rejected_last_hour ?? null} />
        {about !== undefined && (
          <Troubleshooting ingestUrl={about.ingest_url} retentionDays={about.retention_days} />
        )}
      </div>
    </div>
  );
}
