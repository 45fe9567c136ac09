import { useCaller } from "../access/ask.ts";
import { mayDo } from "../access/map.ts";
import { Share } from "../access/share.tsx";
import { Annotate } from "../annotations/annotate.tsx";
import { ChoiceSelector } from "../choice-selector.tsx";
import type { Page } from "../pages/table.ts";
import { RANGE_WORDS } from "../range.ts";
import { CompareSelector } from "./compare-selector.tsx";
import { DataAge } from "./data-age.tsx";
import { PageLinks } from "./page-links.tsx";
import { StatusLight } from "./status-light.tsx";

/**
 * Stays on the screen while a page scrolls; on a phone only its last line does, which says whether
 * and how far to trust the rest. Where one line is too short, what is chosen goes to the next, together.
 */
export function Header({ page }: { page: Page | undefined }) {
  const mayAnnotate = mayDo(useCaller(), "annotate");
  return (
    <header className="contents bg-ground py-1 tablet:sticky tablet:top-0 tablet:z-10 tablet:flex tablet:flex-wrap tablet:items-center tablet:gap-x-2 tablet:gap-y-0.5">
      <div className="flex flex-wrap items-center gap-x-2 max-tablet:pt-1 tablet:contents">
        <p className="text-title font-semibold text-strong">Weir</p>
        <PageLinks current={page} />
        {page?.range !== undefined && (
          <div className="contents tablet:order-last tablet:ml-auto tablet:flex tablet:items-center tablet:gap-x-2">
            <div className="max-tablet:ml-auto">
              <ChoiceSelector
                name="Range"
                parameter={page.range}
                titleOf={(range) => `The last ${RANGE_WORDS[range]}`}
              />
            </div>
            {page.compare !== undefined && <CompareSelector compare={page.compare} />}
            {mayAnnotate && <Annotate range={page.range} />}
            <Share />
          </div>
        )}
        {page !== undefined && page.range === undefined && <Share />}
      </div>
      <div className="flex min-w-0 flex-wrap items-center gap-x-2 bg-ground text-body max-tablet:sticky max-tablet:top-0 max-tablet:z-10 max-tablet:py-0.5 tablet:flex-1 tablet:basis-[16rem] tablet:flex-nowrap">
        <StatusLight />
        <DataAge />
      </div>
    </header>
  );
}
