const minuteClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondClock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const millisecondClock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});
const dayAndMinute = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const localDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayInUtc = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});
const offset = new Intl.DateTimeFormat("en-GB", { timeZoneName: "shortOffset" });

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Local time to the minute: "17:42". */
export function clockTime(timeMs: number): string {
  return minuteClock.format(timeMs);
}

/** Local time to the second: "17:42:05". */
export function clockTimeWithSeconds(timeMs: number): string {
  return secondClock.format(timeMs);
}

/** Local time to the millisecond, with its day unless that is today: "17:42:05.123". */
export function exactTime(timeMs: number, nowMs: number): string {
  const time = millisecondClock.format(timeMs);
  return day(timeMs) === day(nowMs) ? time : `${day(timeMs)}, ${time}`;
}

/** Local time with its day: "23 Nov, 17:42". */
export function dayAndTime(timeMs: number): string {
  return dayAndMinute.format(timeMs);
}

/** The local day: "23 Nov". */
export function day(timeMs: number): string {
  return localDay.format(timeMs);
}

/** The day a week of UTC begins with: "23 Nov". */
export function dayOfWeek(timeMs: number): string {
  return dayInUtc.format(timeMs);
}

/** Local time for the name of a file: "2026-11-23-1742". */
export function dateForFile(timeMs: number): string {
  const local = new Date(timeMs - new Date(timeMs).getTimezoneOffset() * MINUTE_MS);
  return local.toISOString().slice(0, 16).replace("T", "-").replace(":", "");
}

/** A length of time in its largest whole unit: "3 s", "4 min", "2 h", "5 d". */
export function age(lengthMs: number): string {
  if (lengthMs < MINUTE_MS) {
    return `${Math.max(0, Math.floor(lengthMs / 1_000))} s`;
  }
  if (lengthMs < HOUR_MS) {
    return `${Math.floor(lengthMs / MINUTE_MS)} min`;
  }
  if (lengthMs < DAY_MS) {
    return `${Math.floor(lengthMs / HOUR_MS)} h`;
  }
  return `${Math.floor(lengthMs / DAY_MS)} d`;
}

/** A measured length of time, in its two largest units: "0.4 s", "23 s", "1 min 5 s", "2 h", "3 d 4 h". */
export function duration(seconds: number): string {
  if (seconds < 10) {
    return `${Math.round(seconds * 10) / 10} s`;
  }
  const whole = Math.round(seconds);
  const [large, small, size, part] = DURATION_UNITS.find(([, , size]) => whole >= size) ?? [
    "s",
    "",
    1,
    1,
  ];
  const rest = Math.floor((whole % size) / part);
  return `${Math.floor(whole / size)} ${large}${rest === 0 ? "" : ` ${rest} ${small}`}`;
}

const DURATION_UNITS: readonly [string, string, number, number][] = [
  ["d", "h", 86_400, 3_600],
  ["h", "min", 3_600, 60],
  ["min", "s", 60, 1],
];

const TENTHS_BELOW_MS = 10_000;

/** As `age`, but in tenths of a second below ten: "0.8 s". */
export function fineAge(lengthMs: number): string {
  return lengthMs < TENTHS_BELOW_MS
    ? `${(Math.floor(Math.max(0, lengthMs) / 100) / 10).toFixed(1)} s`
    : age(lengthMs);
}

/** The zone every time on the page is in: "Europe/Lisbon (GMT+1)". */
export function timeZone(): string {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const part = offset.formatToParts(Date.now()).find(({ type }) => type === "timeZoneName");
  return part === undefined || name === "UTC" ? name : `${name} (${part.value})`;
}
