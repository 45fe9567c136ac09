import { useCaller } from "../access/ask.ts";
import { maySee } from "../access/map.ts";
import { PageLink } from "../pages/page-link.tsx";
import { PAGES, type Page } from "../pages/table.ts";
import { useSearch } from "../url-state.ts";

/** On a phone a line of its own, which scrolls if it must. */
export function PageLinks({ current }: { current: Page | undefined }) {
  const search = useSearch();
  const caller = useCaller();
  return (
    <nav
      aria-label="Pages"
      className="max-tablet:order-last max-tablet:basis-full max-tablet:overflow-x-auto"
    >
      <ul className="flex">
        {PAGES.filter(({ path }) => maySee(caller, path)).map((page) => (
          <li key={page.path}>
            <PageLink
              page={page}
              search={search}
              current={page === current}
              className="px-0.5 py-0.5 text-small text-plain hover:text-strong aria-[current=page]:bg-raised aria-[current=page]:font-medium aria-[current=page]:text-strong tablet:px-1 tablet:text-body"
            />
          </li>
        ))}
      </ul>
    </nav>
  );
}
