import type { Status } from "../api/client.ts";
import { useNowMs } from "../clock.ts";
import { full } from "../figures.ts";
import { Card } from "./card.tsx";
import { type Health as HealthInWords, mapFacts, mapHealth, type ReceivedStatus } from "./map.ts";

const LOOKS: Record<HealthInWords["state"], { color: string; shape: string }> = {
  good: { color: "text-good", shape: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z" },
  warn: { color: "text-warn", shape: "M8 1 16 15H0Z" },
  bad: { color: "text-bad", shape: "M1 1h14v14H1Z" },
};

interface HealthProps {
  status: ReceivedStatus | undefined;
  failure: Error | null;
}

/** How this installation is, in words and in figures. The last known stays, dimmed, while it is not. */
export function Health({ status, failure }: HealthProps) {
  const nowMs = useNowMs();
  const health: HealthInWords | undefined =
    failure === null
      ? status && mapHealth(status)
      : { state: "bad", words: `${failure.message}. What stands here is of before.` };
  return (
    <Card name="health" title="Health">
      {health !== undefined && <InWords {...health} />}
      <dl
        className={`grid grid-cols-[auto_1fr] gap-x-2 gap-y-0.5 tablet:grid-cols-[auto_auto_1fr] ${failure === null ? "" : "opacity-60"}`}
      >
        {status !== undefined &&
          mapFacts(status, nowMs).map(({ name, value, note }) => (
            <div key={name} className="col-span-full grid grid-cols-subgrid items-baseline">
              <dt className="text-quiet">{name}</dt>
              <dd className="text-strong">{value}</dd>
              <dd className="text-plain max-tablet:col-start-2">{note}</dd>
            </div>
          ))}
      </dl>
    </Card>
  );
}

function InWords({ state, words }: HealthInWords) {
  const { color, shape } = LOOKS[state];
  return (
    <p data-testid="health" data-state={state} className={`flex items-baseline gap-1 ${color}`}>
      <svg aria-hidden="true" viewBox="0 0 16 16" className="size-[0.8em] shrink-0 fill-current">
        <path d={shape} />
      </svg>
      {words}
    </p>
  );
}

/** Why events were not taken in the last hour. Null while it is not known. */
export function RejectedReasons({ reasons }: { reasons: Status["rejected_last_hour"] }) {
  return (
    <Card name="rejected" title="Rejected in the last hour">
      {reasons === null && <p>Not known now.</p>}
      {reasons?.length === 0 && <p>No event.</p>}
      {reasons !== null && reasons.length > 0 && (
        <table className="w-full text-left">
          <thead className="text-small text-quiet">
            <tr>
              <th scope="col" className="pr-2 text-right font-normal">
                Events
              </th>
              <th scope="col" className="pr-2 font-normal">
                Field
              </th>
              <th scope="col" className="font-normal">
                Reason
              </th>
            </tr>
          </thead>
          <tbody>
            {reasons.map(({ source, field, reason, events }) => (
              <tr key={`${source} ${field} ${reason}`} className="align-baseline">
                <td className="pr-2 text-right text-strong">{full(events)}</td>
                <td className="pr-2 font-mono text-small text-strong">{field}</td>
                <td className="wrap-anywhere">
                  {source === "store" ? `ClickHouse refused it: ${reason}` : reason}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}
