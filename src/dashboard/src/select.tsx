interface SelectProps {
  /** Stands before it, unless it is for those who hear only. */
  label: string;
  labelHidden?: boolean;
  value: string;
  options: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
  /** For one that appears because it was asked for. */
  takesFocus?: boolean;
}

/** The browser's own. A value that is not among the options, from a URL, is one more of them. */
export function Select(props: SelectProps) {
  const { label, labelHidden = false, value, options, onChange, takesFocus = false } = props;
  const known = options.some((option) => option.value === value);
  return (
    <label className="flex min-w-0 items-center gap-0.5 text-body text-plain">
      <span className={labelHidden ? "sr-only" : "shrink-0"}>{label}</span>
      <select
        // biome-ignore lint/a11y/noAutofocus: the focus would be lost with the button that asked for it.
        autoFocus={takesFocus}
        value={value}
        onChange={(change) => onChange(change.target.value)}
        className="touch-target min-w-0 max-w-[20em] cursor-pointer truncate rounded border border-line bg-raised px-0.5 py-px text-strong hover:border-quiet"
      >
        {!known && <option value={value}>{value}</option>}
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}
