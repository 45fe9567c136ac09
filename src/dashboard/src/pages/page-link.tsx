import { hrefTo } from "../url-state.ts";
import { InnerLink } from "./inner-link.tsx";
import type { Page } from "./table.ts";

interface PageLinkProps {
  page: Page;
  /** The query of the address it stands at. */
  search: string;
  current?: boolean;
  className: string;
}

export function PageLink({ page, search, current = false, className }: PageLinkProps) {
  return (
    <InnerLink
      href={hrefTo(page.path, search)}
      current={current ? "page" : undefined}
      className={`touch-target flex items-center justify-center rounded ${className}`}
    >
      {page.name}
    </InnerLink>
  );
}
