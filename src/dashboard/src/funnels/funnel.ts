import type { components } from "../api/schema.gen.ts";
import { type Parameter, readable } from "../url-state.ts";

type Schemas = components["schemas"];

export type Op = Schemas["Op"];
export type Order = Schemas["Order"];

export interface Filter {
  field: string;
  op: Op;
  value: string | null;
}

export interface Step {
  event_name: string;
  filters: readonly Filter[];
}

/** What is asked. Lengths of time and fields stand as they were given: the server judges them and says what is wrong. */
export interface Funnel {
  steps: readonly Step[];
  window: string;
  range: string;
  order: Order;
  breakdown: string | null;
}

export const OPS: readonly Op[] = ["=", "!=", "contains", "exists", "<", ">"];
export const STEPS_MIN = 2;
export const STEPS_MAX = 10;
export const FILTERS_MAX = 10;

/** The API's own, for what a URL leaves out. */
const DEFAULTS = { window: "1h", range: "24h", order: "strict" } as const;

/** The field is as short as can be, so that a value may hold what looks like an op. */
const FILTER = /^(\d+):(.+?):(?:(exists)|(=|!=|contains|<|>):(.*))$/s;

/** As `GET /api/funnel` takes it, from the query of the page's URL, and what cannot be read of it. */
export function readFunnel(query: URLSearchParams): { funnel: Funnel; unread: string[] } {
  const names = (query.get("steps") ?? "").split(",").filter((name) => name !== "");
  const filters: Filter[][] = names.map(() => []);
  const unread: string[] = [];
  for (const text of query.getAll("filter")) {
    const [, step, field, exists, op, value] = FILTER.exec(text) ?? [];
    const ofStep = filters[Number(step) - 1];
    if (ofStep === undefined || field === undefined) {
      unread.push(`filter=${text}`);
    } else {
      ofStep.push({ field, op: (exists ?? op) as Op, value: value ?? null });
    }
  }
  const order = query.get("order") ?? DEFAULTS.order;
  if (order !== "strict" && order !== "any") {
    unread.push(`order=${order}`);
  }
  const funnel: Funnel = {
    steps: names.map((event_name, index) => ({ event_name, filters: filters[index] ?? [] })),
    window: query.get("window") ?? DEFAULTS.window,
    range: query.get("range") ?? DEFAULTS.range,
    order: order === "any" ? "any" : "strict",
    breakdown: query.get("breakdown") || null,
  };
  return { funnel, unread };
}

/** All of it, the defaults too: a link must mean the same should they change. */
export function writeFunnel(query: URLSearchParams, funnel: Funnel): void {
  if (funnel.breakdown !== query.get("breakdown")) {
    query.delete("group");
    query.delete("sort");
  }
  for (const name of ["steps", "filter", "window", "range", "order", "breakdown"]) {
    query.delete(name);
  }
  query.set("steps", funnel.steps.map((step) => step.event_name).join(","));
  for (const [index, { filters }] of funnel.steps.entries()) {
    for (const { field, op, value } of filters) {
      const parts = [index + 1, field, op, ...(value === null ? [] : [value])];
      query.append("filter", parts.join(":"));
    }
  }
  query.set("window", funnel.window);
  query.set("range", funnel.range);
  if (funnel.order !== DEFAULTS.order) {
    query.set("order", funnel.order);
  }
  if (funnel.breakdown !== null) {
    query.set("breakdown", funnel.breakdown);
  }
}

export const FUNNEL: Parameter<Funnel> = {
  read: (query) => readFunnel(query).funnel,
  write: writeFunnel,
  history: "push",
};

/** The address that shows a funnel. */
export function hrefOf(funnel: Funnel): string {
  const query = new URLSearchParams();
  writeFunnel(query, funnel);
  return readable(`/funnels?${query}`);
}

/** As the API hands a saved one out: without what is a default. */
export function fromSaved(saved: Schemas["Funnel"]): Funnel {
  return {
    steps: saved.steps.map(({ event_name, filters = [] }) => ({
      event_name,
      filters: filters.map(({ field, op, value = null }) => ({ field, op, value })),
    })),
    window: saved.window ?? DEFAULTS.window,
    range: saved.range ?? DEFAULTS.range,
    order: saved.order ?? DEFAULTS.order,
    breakdown: saved.breakdown ?? null,
  };
}

export function isSame(one: Funnel, other: Funnel): boolean {
  return hrefOf(one) === hrefOf(other);
}

export function withStep(funnel: Funnel, index: number, step: Step): Funnel {
  return { ...funnel, steps: funnel.steps.toSpliced(index, 1, step) };
}

export function withNewStep(funnel: Funnel, event_name: string): Funnel {
  return { ...funnel, steps: [...funnel.steps, { event_name, filters: [] }] };
}

export function withoutStep(funnel: Funnel, index: number): Funnel {
  return { ...funnel, steps: funnel.steps.toSpliced(index, 1) };
}

/** With a step, and its filters, in another place. */
export function withMovedStep(funnel: Funnel, from: number, to: number): Funnel {
  const step = funnel.steps[from];
  if (step === undefined || to < 0 || to >= funnel.steps.length) {
    return funnel;
  }
  return { ...funnel, steps: funnel.steps.toSpliced(from, 1).toSpliced(to, 0, step) };
}

/** Whether it can be asked: until then it lacks a value, or has one that is none. */
export function isComplete({ field, op, value }: Filter): boolean {
  if (field === "" || op === "exists") {
    return field !== "";
  }
  const text = value ?? "";
  return op === "<" || op === ">"
    ? text.trim() !== "" && Number.isFinite(Number(text))
    : text !== "";
}

const NUMBER_AND_UNIT = /^(\d+)([mhd])$/;
const UNITS = {
  m: ["minute", "min"],
  h: ["hour", "h"],
  d: ["day", "days"],
} as const;

/** A length of time as it stands in a sentence: "10m" → "10 min", "1d" → "1 day". */
export function spanWords(span: string): string {
  const [, number, unit] = NUMBER_AND_UNIT.exec(span) ?? [];
  if (number === undefined) {
    return span;
  }
  const [one, many] = UNITS[unit as keyof typeof UNITS];
  return `${number} ${number === "1" ? one : many}`;
}

/** What follows "in the last": "hour", "24 h". */
export function lastWords(span: string): string {
  return spanWords(span).replace(/^1 /, "");
}

/** A field as people call it: "properties.email_domain" → "email_domain". */
export function fieldWords(field: string): string {
  return field.replace(/^properties\./, "");
}

/** What a step of the answer stands for. */
export function stepName(funnel: Funnel, index: number): string {
  return funnel.order === "any"
    ? `${index + 1} of ${funnel.steps.length} steps`
    : (funnel.steps[index]?.event_name ?? "");
}
