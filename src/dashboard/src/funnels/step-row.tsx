import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { askPropertyKeys } from "./ask.ts";
import { editFunnel } from "./edit.ts";
import { EventPicker } from "./event-picker.tsx";
import { fieldOptions } from "./fields.ts";
import { FilterRow } from "./filter-row.tsx";
import { FILTERS_MAX, type Filter, type Step, withStep } from "./funnel.ts";
import { IconButton } from "./icon-button.tsx";

const NO_FILTER: Filter = { field: "", op: "=", value: "" };

interface StepRowProps {
  index: number;
  step: Step;
  isLast: boolean;
  seen: readonly { event_name: string; events: number }[];
  onMove: (to: number) => void;
  onRemove: () => void;
}

/** One step: its event, its place, and the conditions on it. */
export function StepRow({ index, step, isLast, seen, onMove, onRemove }: StepRowProps) {
  const { event_name, filters } = step;
  // How many filters there were when one more was begun: once that one applies, there are more.
  const [beganAt, setBeganAt] = useState<number | null>(null);
  const rows = beganAt === filters.length ? [...filters, NO_FILTER] : filters;
  const { data: keys } = useQuery({ ...askPropertyKeys(event_name), enabled: rows.length > 0 });
  const fields = fieldOptions(keys);
  const name = `step ${index + 1}`;

  const change = (next: Step, history: "push" | "replace" = "push") =>
    editFunnel((funnel) => withStep(funnel, index, next), history);
  const removeFilter = (at: number) => {
    setBeganAt(null);
    if (at < filters.length) {
      change({ ...step, filters: filters.toSpliced(at, 1) });
    }
    document.getElementById(`add-filter-${index}`)?.focus();
  };

  return (
    <li className="flex flex-col gap-0.5">
      <div className="flex items-center gap-px">
        <span aria-hidden="true" className="w-[1.4em] shrink-0 text-body text-quiet">
          {index + 1}
        </span>
        <EventPicker
          label={`Event of ${name}`}
          value={event_name}
          seen={seen}
          onPick={(picked) => change({ event_name: picked, filters })}
        />
        <IconButton
          id={`move-up-${index}`}
          label={`Move ${name}, ${event_name}, up`}
          icon="↑"
          disabled={index === 0}
          onClick={() => onMove(index - 1)}
        />
        <IconButton
          id={`move-down-${index}`}
          label={`Move ${name}, ${event_name}, down`}
          icon="↓"
          disabled={isLast}
          onClick={() => onMove(index + 1)}
        />
        <IconButton
          id={`remove-${index}`}
          label={`Remove ${name}, ${event_name}`}
          icon="✕"
          onClick={onRemove}
        />
      </div>
      {rows.length > 0 && (
        <ul aria-label={`Filters of ${name}`} className="flex flex-col gap-0.5">
          {rows.map((filter, at) => (
            <FilterRow
              // biome-ignore lint/suspicious/noArrayIndexKey: the one begun keeps its row, and the focus, when it applies.
              key={at}
              of={name}
              filter={filter}
              fields={fields}
              onChange={(next, typed) =>
                change(
                  { ...step, filters: filters.toSpliced(at, 1, next) },
                  typed ? "replace" : "push",
                )
              }
              onRemove={() => removeFilter(at)}
            />
          ))}
        </ul>
      )}
      <button
        id={`add-filter-${index}`}
        type="button"
        aria-label={`Add a filter to ${name}`}
        aria-disabled={rows.length > filters.length || rows.length >= FILTERS_MAX}
        onClick={() => rows.length < FILTERS_MAX && setBeganAt(filters.length)}
        className="touch-target ml-2 cursor-pointer self-start rounded px-0.5 text-small text-quiet hover:bg-raised hover:text-strong aria-disabled:cursor-default aria-disabled:opacity-40"
      >
        + filter
      </button>
    </li>
  );
}
