import { type Choice, useParameter } from "./url-state.ts";

interface ChoiceSelectorProps<Value extends string> {
  /** What is chosen: "Range". */
  name: string;
  parameter: Choice<Value>;
  /** A choice in words, for those who point at it. */
  titleOf: (value: Value) => string;
  /** A choice as it stands on the screen, if not as in the URL. */
  labelOf?: (value: Value) => string;
}

/** Native radio buttons: one tab stop, arrow keys, and a name read out, all from the browser. */
export function ChoiceSelector<Value extends string>({
  name,
  parameter,
  titleOf,
  labelOf = (value) => value,
}: ChoiceSelectorProps<Value>) {
  const [chosen, choose] = useParameter(parameter);
  return (
    <fieldset className="flex shrink-0 rounded border border-line">
      <legend className="sr-only">{name}</legend>
      {parameter.choices.map((choice) => (
        <label
          key={choice}
          title={titleOf(choice)}
          className="touch-target flex cursor-pointer items-center justify-center rounded px-1.5 py-0.5 text-body text-plain hover:text-strong has-checked:bg-raised has-checked:font-medium has-checked:text-strong has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-now"
        >
          <input
            type="radio"
            name={name}
            value={choice}
            checked={choice === chosen}
            onChange={() => choose(choice)}
            className="sr-only"
          />
          {labelOf(choice)}
        </label>
      ))}
    </fieldset>
  );
}
