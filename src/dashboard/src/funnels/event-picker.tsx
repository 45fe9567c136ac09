import { type KeyboardEvent, type Ref, useId, useRef, useState } from "react";
import { compact } from "../figures.ts";
import { EVENT_NAME_RULE, matchingNames, type NameOption } from "./matching-names.ts";

interface EventPickerProps {
  id?: string;
  label: string;
  /** The event that is picked; empty for none. */
  value: string;
  seen: readonly { event_name: string; events: number }[];
  placeholder?: string;
  onPick: (name: string) => void;
}

/** A text field with a list to pick from, by the ARIA combobox pattern; a name that was not seen can be typed. */
export function EventPicker({ id, label, value, seen, placeholder, onPick }: EventPickerProps) {
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  // Null while nothing is typed: then the field shows what is picked, and the list everything.
  const [typed, setTyped] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const options = matchingNames(typed ?? "", seen);

  const close = () => {
    setOpen(false);
    setTyped(null);
    setActive(-1);
  };
  const pick = ({ name }: NameOption) => {
    close();
    onPick(name);
  };
  const activate = (index: number) => {
    const wrapped = (index + options.length) % Math.max(1, options.length);
    setOpen(true);
    setActive(wrapped);
    list.current?.children[wrapped]?.scrollIntoView({ block: "nearest" });
  };
  const press = (key: KeyboardEvent) => {
    const chosen = options[active];
    if (key.key === "ArrowDown") {
      activate(active + 1);
    } else if (key.key === "ArrowUp") {
      activate(active < 0 ? options.length - 1 : active - 1);
    } else if (key.key === "Enter" && open && chosen !== undefined) {
      pick(chosen);
    } else if (key.key === "Escape" && open) {
      close();
    } else {
      return;
    }
    key.preventDefault();
  };
  const leave = () => {
    // What was typed in full counts though nobody pressed Enter.
    const exact = options.find((option) => option.name === typed && option.events !== null);
    close();
    if (exact !== undefined && exact.name !== value) {
      onPick(exact.name);
    }
  };

  return (
    <div className="relative min-w-0 flex-1">
      <input
        {...(id !== undefined && { id })}
        type="text"
        role="combobox"
        aria-label={label}
        aria-expanded={open}
        aria-controls={listId}
        aria-autocomplete="list"
        {...(open && active >= 0 && { "aria-activedescendant": optionId(listId, active) })}
        autoComplete="off"
        spellCheck={false}
        placeholder={placeholder}
        title={value}
        value={typed ?? value}
        onChange={({ target }) => {
          setTyped(target.value);
          setOpen(true);
          setActive(target.value === "" ? -1 : 0);
        }}
        onFocus={({ target }) => target.select()}
        onClick={() => setOpen(true)}
        onKeyDown={press}
        onBlur={leave}
        className="touch-target w-full text-ellipsis rounded border border-line bg-ground px-1 py-0.5 text-body text-strong placeholder:text-quiet hover:border-quiet"
      />
      <OptionList
        ref={list}
        id={listId}
        label={label}
        open={open}
        options={options}
        active={active}
        onPick={pick}
      />
      {open && options.length === 0 && (
        <p role="alert" className="pt-px text-small text-warn">
          {EVENT_NAME_RULE}
        </p>
      )}
    </div>
  );
}

interface OptionListProps {
  ref: Ref<HTMLDivElement>;
  id: string;
  label: string;
  open: boolean;
  options: readonly NameOption[];
  active: number;
  onPick: (option: NameOption) => void;
}

function OptionList({ ref, id, label, open, options, active, onPick }: OptionListProps) {
  return (
    <div
      ref={ref}
      id={id}
      role="listbox"
      aria-label={label}
      hidden={!open || options.length === 0}
      className="absolute inset-x-0 top-full z-20 max-h-[20rem] overflow-y-auto rounded border border-line bg-raised p-0.5 text-body"
    >
      {options.map((option, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the text field's, which keeps the focus.
        <div
          key={option.name}
          id={optionId(id, index)}
          role="option"
          tabIndex={-1}
          aria-selected={index === active}
          // Or the text field would lose the focus before the click.
          onMouseDown={(press) => press.preventDefault()}
          onClick={() => onPick(option)}
          className="touch-target flex cursor-pointer items-center justify-between gap-x-1 rounded px-1 py-px text-plain hover:bg-panel aria-selected:bg-panel aria-selected:text-strong aria-selected:outline aria-selected:outline-now"
        >
          <span className="min-w-0 wrap-anywhere">{option.name}</span>
          <span className="shrink-0 text-small text-quiet">
            {option.events === null ? "not seen yet" : compact(option.events)}
          </span>
        </div>
      ))}
    </div>
  );
}

function optionId(listId: string, index: number): string {
  return `${listId}-${index}`;
}
