import { useMemo, useSyncExternalStore } from "react";

/** One part of a page's state, as it stands in the query of the page's URL. */
export interface Parameter<Value> {
  read: (query: URLSearchParams) => Value;
  write: (query: URLSearchParams, value: Value) => void;
  /** Whether the back button undoes a change: it does for a choice, and not for every letter typed. */
  history: "push" | "replace";
}

export interface Choice<Value extends string> extends Parameter<Value> {
  choices: readonly Value[];
}

/** One of `choices`; anything else in the URL means `fallback`. */
export function choice<Value extends string>(
  name: string,
  choices: readonly Value[],
  fallback: Value,
): Choice<Value> {
  return {
    choices,
    read: (query) => choices.find((value) => value === query.get(name)) ?? fallback,
    write: (query, value) => query.set(name, value),
    history: "push",
  };
}

/** Something typed; absent when it is empty. */
export function text(name: string): Parameter<string> {
  return {
    read: (query) => query.get(name) ?? "",
    write: (query, value) => (value === "" ? query.delete(name) : query.set(name, value)),
    history: "replace",
  };
}

/** On when it is in the URL, whatever its value: `?wall`. */
export function flag(name: string): Parameter<boolean> {
  return {
    read: (query) => query.has(name),
    write: (query, on) => (on ? query.set(name, "") : query.delete(name)),
    history: "push",
  };
}

/** What was chosen of many, in its order: `?step=a&step=b`. */
export function list(name: string): Parameter<readonly string[]> {
  return {
    read: (query) => query.getAll(name),
    write: (query, values) => {
      query.delete(name);
      for (const value of values) {
        query.append(name, value);
      }
    },
    history: "push",
  };
}

/** What goes along from page to page. */
const KEPT_PARAMETERS = ["range", "wall", "compare"];

/** The address of another page, with what it has in common with the one at `search`. */
export function hrefTo(path: string, search: string): string {
  const query = new URLSearchParams(search);
  for (const name of new Set(query.keys())) {
    if (!KEPT_PARAMETERS.includes(name)) {
      query.delete(name);
    }
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

export function useSearch(): string {
  return useSyncExternalStore(subscribe, () => window.location.search);
}

/** A parameter's value in the URL, the only place where it is kept, and the way to change it. */
export function useParameter<Value>(
  parameter: Parameter<Value>,
): [value: Value, change: (value: Value) => void] {
  const search = useSearch();
  return useMemo(() => {
    const change = (value: Value) =>
      changeQuery((query) => parameter.write(query, value), parameter.history);
    return [parameter.read(new URLSearchParams(search)), change];
  }, [parameter, search]);
}

/** Several parameters of the page at once. */
export function changeQuery(
  write: (query: URLSearchParams) => void,
  history: Parameter<unknown>["history"],
): void {
  const url = new URL(window.location.href);
  write(url.searchParams);
  go(readable(url.href), history);
}

/** Commas and colons may stand as they are in a query; a link to be read and passed on has them so. */
export function readable(href: string): string {
  return href.replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/** Another page, from its top. */
export function navigate(href: string): void {
  go(href, "push");
  window.scrollTo(0, 0);
}

/** Another page with the same query, without a step in the history: a wall turns for days. */
export function turnTo(path: string): void {
  const url = new URL(window.location.href);
  url.pathname = path;
  go(url.href, "replace");
}

function go(href: string, history: Parameter<unknown>["history"]): void {
  if (new URL(href, window.location.href).href === window.location.href) {
    return;
  }
  if (history === "push") {
    window.history.pushState(null, "", href);
  } else {
    window.history.replaceState(null, "", href);
  }
  // Neither tells anybody; the event they leave out is the one every reader of the URL listens to.
  window.dispatchEvent(new PopStateEvent("popstate"));
}

function subscribe(onChange: () => void): () => void {
  window.addEventListener("popstate", onChange);
  return () => window.removeEventListener("popstate", onChange);
}
