import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Range } from "../range.ts";
import { askAnnotations } from "./ask.ts";
import { type Mark, mapMarks } from "./map.ts";

/** What charts of the range mark. None while it is not known: a chart does not wait for it. */
export function useMarks(range: Range): readonly Mark[] {
  const { data } = useQuery(askAnnotations(range));
  return useMemo(() => mapMarks(data?.annotations ?? []), [data]);
}
