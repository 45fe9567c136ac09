import { changeQuery, type Parameter } from "../url-state.ts";
import { type Funnel, readFunnel, writeFunnel } from "./funnel.ts";

/** Changes the funnel in the page's URL, as it is there at that moment. */
export function editFunnel(
  change: (funnel: Funnel) => Funnel,
  history: Parameter<unknown>["history"] = "push",
): void {
  changeQuery((query) => writeFunnel(query, change(readFunnel(query).funnel)), history);
}
