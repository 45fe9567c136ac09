import { Suspense, useDeferredValue, useEffect, useRef } from "react";
import { useCaller } from "./access/ask.ts";
import { SignIn } from "./access/sign-in.tsx";
import { Footer } from "./footer.tsx";
import { Header } from "./header/header.tsx";
import { NoSuchPage } from "./pages/no-such-page.tsx";
import { PageBoundary } from "./pages/page-boundary.tsx";
import { PAGES } from "./pages/table.ts";
import { useParameter, usePath } from "./url-state.ts";
import { WALL } from "./wall/choice.ts";
import { Wall } from "./wall/wall.tsx";

export function App() {
  const [wall] = useParameter(WALL);
  // Until it is known, the page is drawn: most often somebody may see it.
  if (useCaller()?.caller === "nobody") {
    return <SignIn />;
  }
  return wall === null ? <Desk /> : <Wall chosen={wall} />;
}

/** The page of the address, between what all pages share. */
function Desk() {
  // Deferred, so that the page before stays until the next one is loaded.
  const path = useDeferredValue(usePath());
  const page = PAGES.find((known) => known.path === path);
  const name = page?.name ?? "No such page";
  const Content = page?.Content ?? NoSuchPage;
  const main = useRef<HTMLElement>(null);
  const shownPath = useRef(path);

  useEffect(() => {
    document.title = `${name} – Weir`;
  }, [name]);

  useEffect(() => {
    // Where the document was just loaded, the browser has put the focus where it belongs.
    if (shownPath.current !== path) {
      shownPath.current = path;
      main.current?.focus({ preventScroll: true });
    }
  }, [path]);

  return (
    <div className="flex min-h-dvh flex-col gap-1.5 px-2 pb-1.5 desk:has-data-one-screen:h-dvh desk:has-data-one-screen:min-h-[600px]">
      <SkipLink />
      <Header page={page} />
      <main
        ref={main}
        id="page"
        tabIndex={-1}
        aria-labelledby="page-name"
        className="flex min-h-0 flex-1 flex-col outline-none"
      >
        <h1 id="page-name" className="sr-only">
          {name}
        </h1>
        <PageBoundary key={path}>
          <Suspense fallback={null}>
            <Content />
          </Suspense>
        </PageBoundary>
      </main>
      <Footer />
    </div>
  );
}

/** Seen while it has the focus: past all that is the same on every page. */
function SkipLink() {
  return (
    <a
      href="#page"
      className="sr-only rounded bg-raised px-1 py-0.5 text-body text-strong focus:not-sr-only focus:fixed focus:top-1 focus:left-1 focus:z-20"
    >
      Skip to the page
    </a>
  );
}
