import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Copyable } from "../../copyable.tsx";
import { full } from "../../figures.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { RowsTable } from "../rows-table.tsx";
import { TITLES } from "../titles.ts";
import { askLiveEvents } from "./ask.ts";
import { EventFilters, useEventFilter } from "./event-filters.tsx";
import { type LivePicture, type LiveRow, liveTable, mapLiveEvents, wholeJson } from "./map.ts";
import { PauseButton } from "./pause-button.tsx";
import { newSince, type TailEvent } from "./tail.ts";

const COLUMNS = [
  { name: "Time", className: "w-[9.5em]" },
  { name: "Event", className: "w-[16%] desk:w-[18%]" },
  { name: "User or session", className: "w-[22%] desk:w-[17%]" },
  { name: "Device", className: "w-[5.5em]" },
  { name: "Country", className: "w-[5em]" },
  { name: "Properties" },
];

export function LiveEvents() {
  const query = useQuery(askLiveEvents());
  const filter = useEventFilter();
  const [paused, setPaused] = useState<readonly TailEvent[] | null>(null);
  const [openKey, setOpenKey] = useState<string | null>(null);
  const arrived = query.data?.tail;
  const tail = paused ?? arrived;
  const nowMs = query.data?.received_at_ms ?? 0;
  const picture = useMemo(
    () => (tail === undefined ? undefined : mapLiveEvents(tail, filter, nowMs)),
    [tail, filter, nowMs],
  );

  const pause = () => arrived !== undefined && setPaused(paused ?? arrived);
  const open = (key: string | null) => {
    // What is being read must not be carried away by what comes.
    if (key !== null) {
      pause();
    }
    setOpenKey(key);
  };
  return (
    <PanelFrame
      name="live-events"
      title={TITLES.live_events}
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: "page_view", properties: { path: "/" } }}
      table={picture && liveTable(picture)}
      fitsContent
      listsRows
      controls={
        <PauseButton
          isPaused={paused !== null}
          newEvents={paused === null || arrived === undefined ? 0 : newSince(paused, arrived)}
          onToggle={() => (paused === null ? pause() : setPaused(null))}
        />
      }
    >
      {picture && (
        <>
          <EventFilters names={[...new Set((arrived ?? []).map((row) => row.event.event_name))]} />
          <p className="py-0.5 text-small text-quiet">{extent(picture)}</p>
          <RowsTable
            label={TITLES.live_events}
            columns={COLUMNS}
            rows={picture.rows.map(rowOf)}
            openKey={openKey}
            onOpen={open}
            detailsOf={(key) => <Details row={picture.rows.find((row) => row.key === key)} />}
          />
        </>
      )}
    </PanelFrame>
  );
}

/** How much of what there was is on the screen. */
function extent({ rows, matching, seen }: LivePicture): string {
  if (matching === 0) {
    return `None of the ${full(seen)} newest events matches.`;
  }
  const of = matching === seen ? "" : ` that match, of ${full(seen)}`;
  return rows.length < matching
    ? `The newest ${full(rows.length)} of ${full(matching)}${of === "" ? " events seen" : of}`
    : `The newest ${full(matching)} events${of}`;
}

function rowOf({ key, isNew, time, name, who, device, country, pairs }: LiveRow) {
  return {
    key,
    isNew,
    title: `${name} at ${time}`,
    cells: [
      time,
      <span key="name" className="font-medium text-strong">
        {name}
      </span>,
      <span key="who" title={`${who.kind} ${who.id}`}>
        <span className="text-quiet">{who.kind}</span> <bdi>{who.id}</bdi>
      </span>,
      device,
      country,
      <span key="properties" className="max-tablet:whitespace-normal max-tablet:wrap-anywhere">
        {pairs.map((pair) => (
          <span key={pair.key} className="mr-1">
            <span className="text-quiet">
              <bdi>{pair.key}</bdi>:
            </span>{" "}
            <bdi>{pair.value}</bdi>
          </span>
        ))}
      </span>,
    ],
  };
}

function Details({ row }: { row: LiveRow | undefined }) {
  return row && <Copyable testId="event-json" text={wholeJson(row.event)} />;
}
