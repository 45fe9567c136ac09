import type { MouseEvent } from "react";
import { hrefTo, navigate } from "../url-state.ts";
import type { Page } from "./table.ts";

interface PageLinkProps {
  page: Page;
  /** The query of the address it stands at. */
  search: string;
  current?: boolean;
  className: string;
}

/** A link as any other, but that a plain click changes the page without loading the document again. */
export function PageLink({ page, search, current = false, className }: PageLinkProps) {
  const href = hrefTo(page.path, search);
  const follow = (click: MouseEvent) => {
    // With a key held, the browser opens a tab or a window, or saves what the link leads to.
    const plain = !(click.ctrlKey || click.metaKey || click.shiftKey || click.altKey);
    if (plain && click.button === 0) {
      click.preventDefault();
      navigate(href);
    }
  };
  return (
    <a
      href={href}
      onClick={follow}
      aria-current={current ? "page" : undefined}
      className={`touch-target flex items-center justify-center rounded ${className}`}
    >
      {page.name}
    </a>
  );
}
