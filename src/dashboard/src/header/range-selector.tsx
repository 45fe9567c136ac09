import { RANGE_WORDS, type Range } from "../range.ts";
import { type Choice, useParameter } from "../url-state.ts";

/** Native radio buttons: one tab stop, arrow keys, and a name read out, all from the browser. */
export function RangeSelector({ range }: { range: Choice<Range> }) {
  const [chosen, choose] = useParameter(range);
  return (
    <fieldset className="ml-auto flex shrink-0 rounded border border-line wide:order-last">
      <legend className="sr-only">Range</legend>
      {range.choices.map((choice) => (
        <label
          key={choice}
          title={`The last ${RANGE_WORDS[choice]}`}
          className="touch-target flex cursor-pointer items-center justify-center rounded px-1.5 py-0.5 text-body text-plain hover:text-strong has-checked:bg-raised has-checked:font-medium has-checked:text-strong has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-now"
        >
          <input
            type="radio"
            name="range"
            value={choice}
            checked={choice === chosen}
            onChange={() => choose(choice)}
            className="sr-only"
          />
          {choice}
        </label>
      ))}
    </fieldset>
  );
}
