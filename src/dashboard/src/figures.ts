const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const oneDecimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const twoDecimals = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

const SHORTEN_FROM = 10_000;

/** What stands where a figure would, had there been anything to count. */
export const NO_FIGURE = "–";

/** 1234567 → "1,234,567". */
export function full(count: number): string {
  return whole.format(count);
}

/** 1234567 → "1.2M"; up to four digits are shown in full. */
export function compact(count: number): string {
  return Math.abs(count) < SHORTEN_FROM ? whole.format(count) : short.format(count);
}

/** 12.345 → "12.3%", 0.625 → "0.63%": small rates need the second decimal to be told apart. */
export function percent(pct: number | null): string {
  if (pct === null) {
    return NO_FIGURE;
  }
  return `${(Math.abs(pct) < 10 ? twoDecimals : oneDecimal).format(pct)}%`;
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** 19562182 → "19.6 MB", in steps of a thousand, as disks are sold. */
export function bytes(count: number): string {
  const power = Math.floor(Math.log10(Math.max(1, count)) / 3);
  const unit = Math.min(power, BYTE_UNITS.length - 1);
  return `${oneDecimal.format(count / 1_000 ** unit)} ${BYTE_UNITS[unit]}`;
}

/** A change in words, with its direction as a sign and a shape: "▲ 3", "▼ 1.2", "no change". */
export function change(difference: number, format: (size: number) => string): string {
  const size = format(Math.abs(difference));
  if (size === format(0)) {
    return "no change";
  }
  return `${difference > 0 ? "▲" : "▼"} ${size}`;
}

/** A change between two rates: "▲ 3.1 pts", "▼ 1 pt". */
export function changeInPoints(difference: number): string {
  const said = change(difference, (size) => oneDecimal.format(size));
  if (said === "no change") {
    return said;
  }
  return said.endsWith(" 1") ? `${said} pt` : `${said} pts`;
}
