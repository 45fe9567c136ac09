import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";
import { type Choice, useParameter } from "./url-state.ts";

interface TabsProps<Value extends string> {
  /** What the tabs are of. */
  name: string;
  parameter: Choice<Value>;
  labels: Record<Value, string>;
  children: (chosen: Value) => ReactNode;
}

/** One tab stop; the arrow keys, Home and End choose: https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ */
export function Tabs<Value extends string>({
  name,
  parameter,
  labels,
  children,
}: TabsProps<Value>) {
  const [chosen, choose] = useParameter(parameter);
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const { choices } = parameter;

  const move = (event: KeyboardEvent) => {
    const at = choices.indexOf(chosen);
    const to = {
      ArrowLeft: (at - 1 + choices.length) % choices.length,
      ArrowRight: (at + 1) % choices.length,
      Home: 0,
      End: choices.length - 1,
    }[event.key];
    const value = to === undefined ? undefined : choices[to];
    if (to !== undefined && value !== undefined) {
      event.preventDefault();
      choose(value);
      list.current?.querySelectorAll<HTMLElement>("[role=tab]")[to]?.focus();
    }
  };

  return (
    <>
      <div
        ref={list}
        role="tablist"
        aria-label={name}
        onKeyDown={move}
        className="flex shrink-0 gap-1 border-b border-line"
      >
        {choices.map((choice) => (
          <button
            key={choice}
            type="button"
            role="tab"
            id={`${id}${choice}`}
            aria-selected={choice === chosen}
            aria-controls={`${id}panel`}
            tabIndex={choice === chosen ? 0 : -1}
            onClick={() => choose(choice)}
            className="touch-target -mb-px cursor-pointer border-b-2 border-transparent px-1 py-0.5 text-body text-plain hover:text-strong aria-selected:border-now aria-selected:font-medium aria-selected:text-strong"
          >
            {labels[choice]}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}panel`} aria-labelledby={`${id}${chosen}`}>
        {children(chosen)}
      </div>
    </>
  );
}
