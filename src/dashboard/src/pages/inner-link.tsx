import type { MouseEvent, ReactNode } from "react";
import { navigate } from "../url-state.ts";

interface InnerLinkProps {
  href: string;
  current?: "page" | "true" | undefined;
  className: string;
  children: ReactNode;
}

/** A link as any other, but that a plain click changes the page without loading the document again. */
export function InnerLink({ href, current, className, children }: InnerLinkProps) {
  const follow = (click: MouseEvent) => {
    // With a key held, the browser opens a tab or a window, or saves what the link leads to.
    const plain = !(click.ctrlKey || click.metaKey || click.shiftKey || click.altKey);
    if (plain && click.button === 0) {
      click.preventDefault();
      navigate(href);
    }
  };
  return (
    <a href={href} onClick={follow} aria-current={current} className={className}>
      {children}
    </a>
  );
}
