import { useQuery } from "@tanstack/react-query";
import { info } from "./api/polling.ts";
import { timeZone } from "./times.ts";

/** What holds for the whole page: the zone of its times, and what served it. */
export function Footer() {
  const { data } = useQuery(info);
  return (
    <footer className="flex shrink-0 flex-wrap justify-between gap-x-2 text-small text-quiet">
      <p>Times in {timeZone()}</p>
      <p>
        {data === undefined
          ? "\u00a0"
          : `Weir ${data.version}, events kept ${data.retention_days} days`}
      </p>
    </footer>
  );
}
