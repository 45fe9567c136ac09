import { type ReactNode, useState } from "react";
import { ChartKey, type KeyEntry } from "../charts/chart-key.tsx";
import { NO_FIGURE } from "../figures.ts";
import { Headline } from "./headline.tsx";
import { Invitation } from "./invitation.tsx";
import { PanelMenu } from "./panel-menu.tsx";
import type { PanelAnswer } from "./panel-state.ts";
import { PanelTable } from "./panel-table.tsx";
import type { SampleEvent } from "./sample-event.ts";
import { StateLine } from "./state-line.tsx";
import type { Table } from "./table.ts";

/** What a panel's query must tell its frame. */
export interface PanelQuery {
  data: PanelAnswer | undefined;
  failureReason: Error | null;
  isPlaceholderData: boolean;
}

/** What a panel's map makes of an answer, as far as the frame is concerned. */
export interface Picture {
  headline: {
    value: string;
    title?: string;
    unit: string;
    note: string;
    alarming?: boolean;
  };
  missing: Missing;
}

/** Set when there is nothing to draw: what is missing, in a sentence. */
type Missing = string | null;

interface PanelFrameProps {
  name: string;
  title: string;
  query: PanelQuery;
  /** Without a headline in a panel of single rows. */
  picture: Picture | { headline?: never; missing: Missing } | undefined;
  chartKey: readonly KeyEntry[];
  /** An event that fills the panel when it is empty. */
  sample: SampleEvent;
  /** What that event is, where its name does not say it. */
  sampleWords?: string;
  /** The figures behind the chart: shown in its place, or saved. Without a chart they are what is shown. */
  table?: Table | undefined;
  /** What is chosen for this panel alone. */
  controls?: ReactNode;
  /** As high as what it shows, for a page that scrolls. */
  fitsContent?: boolean;
  /** Shows rows one by one: they have no headline, and no table could show them better. */
  listsRows?: boolean;
  children?: ReactNode;
}

/** The one frame of every panel: loading, empty, stale and failed look the same in all of them. */
export function PanelFrame(props: PanelFrameProps) {
  const {
    name,
    title,
    query,
    picture,
    chartKey,
    sample,
    sampleWords,
    table,
    controls,
    fitsContent = false,
    listsRows = false,
    children,
  } = props;
  const failure = query.failureReason;
  // The last picture stays, dimmed as far as it can still be read, while it is not an answer to what is being asked now.
  const dimmed = picture !== undefined && (failure !== null || query.isPlaceholderData);
  const headline = picture?.headline ?? { value: NO_FIGURE, unit: "\u00a0", note: "\u00a0" };
  const [chosenTable, setChosenTable] = useState(false);
  const asTable = chosenTable || children === undefined;
  const drawn = picture !== undefined && picture.missing === null;

  return (
    <section
      aria-labelledby={`${name}-title`}
      aria-busy={query.isPlaceholderData || picture === undefined}
      className={`group/panel flex min-w-0 flex-col gap-1 rounded border border-line bg-panel p-2 pt-1.5 has-data-[state=failed]:border-bad has-data-[state=stale]:border-warn ${fitsContent ? "min-h-[16rem]" : "h-[28rem] tablet:h-[23rem] desk:h-auto desk:min-h-0"}`}
    >
      <header className="flex shrink-0 flex-wrap items-start gap-x-1 tablet:flex-nowrap tablet:items-baseline">
        <div className="flex min-w-0 flex-1 flex-col justify-between gap-x-2 tablet:flex-row tablet:items-baseline">
          <h2 id={`${name}-title`} className="shrink-0 text-title font-medium text-strong">
            {title}
          </h2>
          <StateLine answer={query.data} failure={failure} />
        </div>
        {/* On a phone they would leave the title no room. */}
        {controls && <div className="max-tablet:order-last max-tablet:basis-full">{controls}</div>}
        {drawn && table && (
          <PanelMenu
            name={name}
            title={title}
            table={table}
            {...(children === undefined || listsRows ? {} : { asTable, onAsTable: setChosenTable })}
          />
        )}
      </header>
      <div
        className={`flex min-h-0 flex-1 flex-col gap-1 ${dimmed ? "opacity-90 saturate-50" : ""}`}
      >
        {!listsRows && (
          <div className="flex shrink-0 flex-col justify-between gap-x-2 gap-y-1 tablet:flex-row tablet:items-end">
            <Headline testId={`${name}-value`} {...headline} wraps={fitsContent} />
            {chartKey.length > 0 && (
              <div
                className={`shrink-0 tablet:pb-0.5 ${drawn && !asTable ? "" : "invisible max-tablet:hidden"}`}
              >
                <ChartKey entries={chartKey} />
              </div>
            )}
          </div>
        )}
        {/* What is stale has lost its colour, and so cannot be taken for what is live. */}
        <div className="min-h-0 flex-1 text-body group-has-data-[state=stale]/panel:grayscale">
          {picture === undefined && <div className="h-full rounded bg-raised opacity-40" />}
          {picture?.missing != null && (
            <Invitation missing={picture.missing} event={sample} words={sampleWords} />
          )}
          {drawn && (asTable && table ? <PanelTable title={title} table={table} /> : children)}
        </div>
      </div>
    </section>
  );
}
