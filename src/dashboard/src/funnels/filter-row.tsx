import { useEffect, useRef, useState } from "react";
import { Select } from "../select.tsx";
import type { FieldOption } from "./fields.ts";
import { type Filter, fieldWords, isComplete, OPS, type Op } from "./funnel.ts";
import { IconButton } from "./icon-button.tsx";

/** Of a pause in typing, after which it is applied. */
const TYPED_AFTER_MS = 300;

const OP_WORDS: Record<Op, string> = {
  "=": "is",
  "!=": "is not",
  contains: "contains",
  exists: "is there",
  "<": "below",
  ">": "above",
};

interface FilterRowProps {
  /** Of which step: "step 2". */
  of: string;
  filter: Filter;
  fields: readonly FieldOption[];
  onChange: (filter: Filter, typed: boolean) => void;
  onRemove: () => void;
}

/** A condition. What is chosen applies at once, what is typed after a pause, and neither before it is complete. */
export function FilterRow({ of, filter, fields, onChange, onRemove }: FilterRowProps) {
  const [draft, setDraft] = useState(filter);
  const [applied, setApplied] = useState(filter);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (JSON.stringify(applied) !== JSON.stringify(filter)) {
    setApplied(filter);
    setDraft(filter);
  }

  const apply = (next: Filter, typed: boolean) => {
    clearTimeout(timer.current);
    if (isComplete(next) && JSON.stringify(next) !== JSON.stringify(filter)) {
      onChange(next, typed);
    }
  };
  const choose = (next: Filter) => {
    setDraft(next);
    apply(next, false);
  };
  const type = (value: string) => {
    const next = { ...draft, value };
    setDraft(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => apply(next, true), TYPED_AFTER_MS);
  };
  const chooseOp = (op: Op) =>
    choose({ ...draft, op, value: op === "exists" ? null : (draft.value ?? "") });
  const missing = draft === applied ? null : missingIn(draft);

  return (
    <li className="ml-2 grid grid-cols-[auto_1fr_auto] items-center gap-px rounded border border-line p-0.5 text-small">
      <div className="col-span-2 min-w-0">
        <Select
          label={`Field of a filter of ${of}`}
          labelHidden
          takesFocus={filter.field === ""}
          value={draft.field}
          options={
            draft.field === "" ? [{ value: "", label: "choose a field" }, ...fields] : fields
          }
          onChange={(field) => choose({ ...draft, field })}
        />
      </div>
      <IconButton
        label={`Remove the filter of ${of}${draft.field && ` by ${fieldWords(draft.field)}`}`}
        icon="✕"
        onClick={onRemove}
      />
      <Select
        label={`How a filter of ${of} compares`}
        labelHidden
        value={draft.op}
        options={OPS.map((op) => ({ value: op, label: OP_WORDS[op] }))}
        onChange={(op) => chooseOp(op as Op)}
      />
      {draft.op !== "exists" && (
        <input
          type="text"
          aria-label={`Value of a filter of ${of}`}
          inputMode={draft.op === "<" || draft.op === ">" ? "decimal" : "text"}
          maxLength={1_000}
          value={draft.value ?? ""}
          onChange={({ target }) => type(target.value)}
          onBlur={() => apply(draft, true)}
          onKeyDown={({ key }) => key === "Enter" && apply(draft, true)}
          className="touch-target col-span-2 w-full min-w-0 rounded border border-line bg-ground px-0.5 py-px text-body text-strong hover:border-quiet"
        />
      )}
      {missing !== null && <p className="col-span-full text-quiet">{missing}</p>}
    </li>
  );
}

/** Why it does not apply yet. */
function missingIn(draft: Filter): string | null {
  if (isComplete(draft)) {
    return null;
  }
  if (draft.field === "") {
    return "Applies when it has a field and a value.";
  }
  const takesNumber = draft.op === "<" || draft.op === ">";
  return `Applies when it has ${takesNumber ? "a number" : "a value"}.`;
}
