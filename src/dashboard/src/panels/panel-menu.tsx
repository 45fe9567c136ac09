import { useId, useRef, useState } from "react";
import { dateForFile } from "../times.ts";
import { NOT_IN_PICTURES, pngOf } from "./panel-png.ts";
import { csv, type Table } from "./table.ts";

interface PanelMenuProps {
  name: string;
  title: string;
  table: Table;
  /** Whether the table stands in place of the chart, for a panel that has a chart. */
  asTable?: boolean;
  onAsTable?: (asTable: boolean) => void;
}

/** What can be had of a panel beside its picture. The browser closes it, by Escape or a click elsewhere. */
export function PanelMenu({ name, title, table, asTable, onAsTable }: PanelMenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const [failed, setFailed] = useState(false);

  const saveCsv = () =>
    save(new Blob([csv(table)], { type: "text/csv;charset=utf-8" }), `${name}.csv`);
  const savePng = async () => {
    const panel = button.current?.closest("section");
    try {
      save(await pngOf(panel as HTMLElement), `${name}.png`);
      setFailed(false);
    } catch {
      setFailed(true);
    }
  };

  const view = onAsTable && {
    key: "view",
    words: asTable ? "Show as chart" : "Show as table",
    choose: () => onAsTable(!asTable),
  };
  const choices = [
    ...(view ? [view] : []),
    { key: "csv", words: "Download CSV", choose: saveCsv },
    { key: "png", words: "Download PNG", choose: savePng },
  ];
  return (
    <div {...{ [NOT_IN_PICTURES]: "" }} className="-my-0.5 flex shrink-0 items-center gap-x-1">
      {failed && (
        <p role="alert" className="text-small text-bad">
          ■ This browser cannot save pictures
        </p>
      )}
      <button
        ref={button}
        type="button"
        popoverTarget={id}
        aria-label={`More of ${title}`}
        className="touch-target cursor-pointer rounded px-0.5 text-body text-quiet hover:bg-raised hover:text-strong"
      >
        <span aria-hidden="true">⋯</span>
      </button>
      <div id={id} popover="auto" className="panel-menu rounded border border-line bg-raised p-0.5">
        <ul className="flex flex-col text-body text-plain">
          {choices.map(({ key, words, choose }) => (
            <li key={key}>
              <button
                type="button"
                popoverTarget={id}
                popoverTargetAction="hide"
                onClick={choose}
                className="touch-target w-full cursor-pointer rounded px-1 py-0.5 text-left hover:bg-panel hover:text-strong"
              >
                {words}
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** Hands a file to the browser's downloads, with the time in its name. */
function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = `weir-${dateForFile(Date.now())}-${name}`;
  link.click();
  URL.revokeObjectURL(link.href);
}
