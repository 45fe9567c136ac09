import { useQuery } from "@tanstack/react-query";
import { LiveEvents } from "../panels/live-events/draw.tsx";
import { RejectedEvents } from "../panels/rejected-events/draw.tsx";
import { askRejectedLately } from "../panels/rejected-lately/ask.ts";
import { RejectedLately } from "../panels/rejected-lately/draw.tsx";
import { mapRejectedLately } from "../panels/rejected-lately/map.ts";
import { Tabs } from "../tabs.tsx";
import { choice } from "../url-state.ts";

const TAB = choice("tab", ["events", "rejected"], "events");

/** What comes in, and what does not get in. */
export function Live() {
  const { data } = useQuery(askRejectedLately());
  const rejected = data === undefined ? "" : ` (${mapRejectedLately(data).count} in the last hour)`;
  return (
    <div className="flex flex-col gap-1">
      <Tabs
        name="What came"
        parameter={TAB}
        labels={{ events: "Events", rejected: `Rejected events${rejected}` }}
      >
        {(tab) =>
          tab === "events" ? (
            <LiveEvents />
          ) : (
            <div className="flex flex-col gap-2">
              <RejectedLately />
              <RejectedEvents />
            </div>
          )
        }
      </Tabs>
    </div>
  );
}
