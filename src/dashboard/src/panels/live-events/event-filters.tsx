import { useId, useMemo } from "react";
import { type Parameter, text, useParameter } from "../../url-state.ts";
import type { Filter } from "./map.ts";

const FILTERS: Record<keyof Filter, { label: string; parameter: Parameter<string> }> = {
  event: { label: "Event name", parameter: text("event") },
  user: { label: "User", parameter: text("user") },
  session: { label: "Session", parameter: text("session") },
  text: { label: "Text in properties", parameter: text("text") },
};

/** The filter in the URL. */
export function useEventFilter(): Filter {
  const [event] = useParameter(FILTERS.event.parameter);
  const [user] = useParameter(FILTERS.user.parameter);
  const [session] = useParameter(FILTERS.session.parameter);
  const [properties] = useParameter(FILTERS.text.parameter);
  return useMemo(
    () => ({ event, user, session, text: properties }),
    [event, user, session, properties],
  );
}

/** `names` are suggested for the event's. */
export function EventFilters({ names }: { names: readonly string[] }) {
  const id = useId();
  return (
    <search aria-label="Filter of the events" className="grid grid-cols-2 gap-1 tablet:grid-cols-4">
      <FilterField {...FILTERS.event} list={id} />
      <FilterField {...FILTERS.user} />
      <FilterField {...FILTERS.session} />
      <FilterField {...FILTERS.text} />
      <datalist id={id}>
        {names.toSorted().map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </search>
  );
}

interface FilterFieldProps {
  label: string;
  parameter: Parameter<string>;
  list?: string;
}

function FilterField({ label, parameter, list }: FilterFieldProps) {
  const [value, change] = useParameter(parameter);
  return (
    <label className="flex min-w-0 flex-col text-small text-quiet">
      {label}
      <input
        type="search"
        value={value}
        list={list}
        onChange={(event) => change(event.target.value)}
        autoComplete="off"
        spellCheck={false}
        className="touch-target w-full rounded border border-line bg-ground px-1 py-0.5 text-body text-strong"
      />
    </label>
  );
}
