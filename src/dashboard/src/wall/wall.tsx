import { useEffect, useLayoutEffect, useMemo, useRef } from "react";
import { useNowMs } from "../clock.ts";
import { DataAge } from "../header/data-age.tsx";
import { StatusLight } from "../header/status-light.tsx";
import { PageBoundary } from "../pages/page-boundary.tsx";
import { PAGES } from "../pages/table.ts";
import { clockTime } from "../times.ts";
import { turnTo, useParameter, usePath } from "../url-state.ts";
import { EVERY, wallPages } from "./choice.ts";
import { WallControls } from "./controls.tsx";
import { useLoadedPage } from "./loaded-page.ts";
import { ReloadOnNewVersion } from "./new-version.ts";
import { useTurns } from "./turns.ts";
import { useWakeLock } from "./wake-lock.ts";

/** The chosen pages in turn, for people who only look. It must go on for days with nobody near. */
export function Wall({ chosen }: { chosen: string }) {
  const pages = useMemo(() => wallPages(chosen, PAGES), [chosen]);
  const [everyMs] = useParameter(EVERY);
  const path = usePath();
  const at = Math.max(
    0,
    pages.findIndex((page) => page.path === path),
  );
  const wanted = pages[at] as (typeof pages)[number];
  const loaded = useLoadedPage(wanted);
  const main = useRef<HTMLElement>(null);
  const turns = useTurns(main, everyMs, () => turnTo(pages[(at + 1) % pages.length]?.path ?? path));
  useWallLook();
  useWakeLock();

  // Where the address named none of them, or somebody went back.
  useEffect(() => {
    if (path !== wanted.path) {
      turnTo(wanted.path);
    }
  }, [path, wanted]);

  const { page, Content } = loaded ?? { page: wanted, Content: null };
  useEffect(() => {
    document.title = `${page.name} – Weir`;
  }, [page]);
  return (
    <div className="flex h-dvh flex-col gap-1 p-1.5">
      <header className="flex shrink-0 flex-wrap items-baseline gap-x-2 text-small">
        <h1 id="page-name" className="text-body font-semibold text-strong">
          {page.name}
        </h1>
        <StatusLight />
        <DataAge />
        <TimeOfDay />
      </header>
      <main
        ref={main}
        aria-labelledby="page-name"
        className="flex min-h-0 flex-1 flex-col overflow-hidden"
      >
        <PageBoundary key={page.path} tryAgainWith={turns}>
          {Content === null ? <p className="m-auto text-body">Loading</p> : <Content />}
        </PageBoundary>
      </main>
      <WallControls />
      <ReloadOnNewVersion />
    </div>
  );
}

function TimeOfDay() {
  const nowMs = useNowMs();
  return <p className="ml-auto text-plain">{clockTime(nowMs)}</p>;
}

/** The document's own look, larger and without controls: styles.css. */
function useWallLook(): void {
  useLayoutEffect(() => {
    const root = document.documentElement;
    root.dataset.wall = "";
    return () => {
      delete root.dataset.wall;
    };
  }, []);
}
