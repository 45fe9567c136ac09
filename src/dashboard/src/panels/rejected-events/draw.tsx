import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Copyable } from "../../copyable.tsx";
import { text, useParameter } from "../../url-state.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { RowsTable } from "../rows-table.tsx";
import { TITLES } from "../titles.ts";
import { askRejectedEvents } from "./ask.ts";
import { mapRejectedEvents, type RejectedRow } from "./map.ts";

const BEFORE = { ...text("before"), history: "push" } as const;

const COLUMNS = [
  { name: "Received", className: "w-[9.5em]" },
  { name: "Field", className: "w-[10em]" },
  { name: "Reason", className: "w-[40%]" },
  { name: "Refused by", className: "w-[7em]" },
  { name: "What was sent" },
];

export function RejectedEvents() {
  const [before, setBefore] = useParameter(BEFORE);
  const [openKey, setOpenKey] = useState<string | null>(null);
  const query = useQuery(askRejectedEvents(before));
  const picture = query.data && mapRejectedEvents(query.data, query.data.received_at_ms);
  const next = picture?.next ?? null;
  return (
    <PanelFrame
      name="rejected-events"
      title={TITLES.rejected}
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: "page_view", device_type: "watch" }}
      sampleWords="This one will be, for its device_type:"
      table={picture?.table}
      fitsContent
      listsRows
    >
      {picture && (
        <>
          <RowsTable
            label={TITLES.rejected}
            columns={COLUMNS}
            rows={picture.rows.map(rowOf)}
            openKey={openKey}
            onOpen={setOpenKey}
            detailsOf={(key) => <Details row={picture.rows.find((row) => row.key === key)} />}
          />
          <div className="flex justify-center gap-1 pt-1">
            {before !== "" && <PageButton words="Newest" onPress={() => setBefore("")} />}
            {next !== null && <PageButton words="Older" onPress={() => setBefore(next)} />}
          </div>
        </>
      )}
    </PanelFrame>
  );
}

function rowOf({ key, time, field, reason, refusedBy, raw }: RejectedRow) {
  return {
    key,
    title: `${field}, received at ${time}`,
    cells: [
      time,
      <code key="field" className="font-mono text-strong">
        {field}
      </code>,
      <bdi key="reason" className="max-tablet:whitespace-normal max-tablet:wrap-anywhere">
        {reason}
      </bdi>,
      <span key="source">
        <span className="text-quiet tablet:hidden">refused by</span> {refusedBy}
      </span>,
      <code key="raw" className="font-mono">
        {raw}
      </code>,
    ],
  };
}

function Details({ row }: { row: RejectedRow | undefined }) {
  return (
    row && (
      <div className="flex flex-col gap-0.5">
        <p className="wrap-anywhere whitespace-normal text-bad">
          ■ {row.field}: <bdi>{row.reason}</bdi>
        </p>
        <Copyable testId="rejected-raw" text={row.raw} />
      </div>
    )
  );
}

function PageButton({ words, onPress }: { words: string; onPress: () => void }) {
  return (
    <button
      type="button"
      onClick={onPress}
      className="touch-target cursor-pointer rounded border border-line bg-raised px-1.5 py-0.5 text-body text-strong hover:border-quiet"
    >
      {words}
    </button>
  );
}
