import type { Compare } from "../compare.ts";
import { type Choice, useParameter } from "../url-state.ts";

const WORDS: Record<Compare, string> = {
  none: "Compare with…",
  yesterday: "With yesterday",
  "last-week": "With last week",
};

/** A native list: the keyboard, the touch screen and the reader each know it. */
export function CompareSelector({ compare }: { compare: Choice<Compare> }) {
  const [chosen, choose] = useParameter(compare);
  const select = (value: string) => {
    const found = compare.choices.find((each) => each === value);
    if (found !== undefined) {
      choose(found);
    }
  };
  return (
    <select
      aria-label="Compare with"
      value={chosen}
      onChange={(event) => select(event.target.value)}
      className="touch-target shrink-0 cursor-pointer rounded border border-line bg-ground px-1 py-0.5 text-body text-plain hover:text-strong"
    >
      {compare.choices.map((choice) => (
        <option key={choice} value={choice}>
          {choice === "none" && chosen !== "none" ? "With nothing" : WORDS[choice]}
        </option>
      ))}
    </select>
  );
}
