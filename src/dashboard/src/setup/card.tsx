import type { ReactNode } from "react";

/** A part of the page, under its title. */
export function Card({
  name,
  title,
  children,
}: {
  name: string;
  title: string;
  children: ReactNode;
}) {
  return (
    <section
      aria-labelledby={`${name}-title`}
      className="flex min-w-0 flex-col gap-1 rounded border border-line bg-panel p-2 pt-1.5 text-body"
    >
      <h2 id={`${name}-title`} className="text-title font-medium text-strong">
        {title}
      </h2>
      {children}
    </section>
  );
}
