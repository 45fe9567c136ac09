import { useSearch } from "../url-state.ts";
import { PageLink } from "./page-link.tsx";
import { PAGES } from "./table.ts";

/** Stands where a page would, at an address that is none. */
export function NoSuchPage() {
  const search = useSearch();
  return (
    <div className="m-auto flex flex-col gap-2 text-body">
      <p className="text-plain">There is no page at this address. There are:</p>
      <ul className="flex flex-col">
        {PAGES.map((page) => (
          <li key={page.path}>
            <PageLink page={page} search={search} className="text-now underline" />
          </li>
        ))}
      </ul>
    </div>
  );
}
