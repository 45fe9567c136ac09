import type { Range } from "../range.ts";
import { DataAge } from "./data-age.tsx";
import { RangeSelector } from "./range-selector.tsx";
import { StatusLight } from "./status-light.tsx";

export function Header({ range }: { range: Range }) {
  return (
    <header className="flex shrink-0 flex-wrap items-center gap-x-2 gap-y-1 tablet:flex-nowrap">
      <h1 className="text-title font-semibold text-strong">Weir</h1>
      <StatusLight />
      <DataAge />
      <div className="ml-auto">
        <RangeSelector range={range} />
      </div>
    </header>
  );
}
