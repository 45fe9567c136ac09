import { NO_FIGURE } from "../figures.ts";

interface HeadlineProps {
  testId: string;
  value: string;
  /** The value in full, where the headline had to shorten it. */
  title?: string | undefined;
  unit: string;
  note: string;
  /** Set when the value itself is a state that needs someone; the unit must say it in words. */
  alarming?: boolean;
  /** On a phone, words that have no room beside each other go on in the next line. */
  wraps?: boolean;
}

/** The one large value of a panel, its unit, and its change against the compared window. */
export function Headline(props: HeadlineProps) {
  const { testId, value, title, unit, note, alarming = false, wraps = false } = props;
  const figureColor = value === NO_FIGURE ? "text-quiet" : "text-strong";
  const color = alarming ? "text-bad" : figureColor;
  const fit = wraps ? "max-tablet:wrap-anywhere tablet:truncate" : "truncate";
  return (
    <div className="flex min-w-0 flex-col gap-x-1.5 tablet:flex-row tablet:items-end">
      <strong
        data-testid={testId}
        title={title}
        className={`text-figure font-semibold tracking-tight ${color}`}
      >
        {value}
      </strong>
      <div className="min-w-0 text-body tablet:pb-0.5">
        <p className={`${fit} ${alarming ? "text-bad" : "text-plain"}`} title={unit}>
          {unit}
        </p>
        <p className={`text-quiet ${fit}`} title={note}>
          {note}
        </p>
      </div>
    </div>
  );
}
