import { type ComponentType, useEffect, useState } from "react";
import { fetchInfo } from "../api/client.ts";
import type { Page } from "../pages/table.ts";
import { reloadIfOldEnough } from "./new-version.ts";

const TRY_AGAIN_MS = 5_000;

export interface LoadedPage {
  page: Page;
  Content: ComponentType;
}

/** The page that is wanted, or the one before until it is loaded, however long the server is away. */
export function useLoadedPage(wanted: Page): LoadedPage | null {
  const [loaded, setLoaded] = useState<LoadedPage | null>(null);
  useEffect(() => {
    const left = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      try {
        const Content = await wanted.load();
        if (!left.signal.aborted) {
          setLoaded({ page: wanted, Content });
        }
      } catch {
        if (!left.signal.aborted) {
          timer = setTimeout(load, TRY_AGAIN_MS);
          await reloadIfServed(left.signal);
        }
      }
    };
    void load();
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [wanted]);
  return loaded;
}

/** A server that answers without the file is of another version, or the browser remembers that it failed. */
async function reloadIfServed(signal: AbortSignal): Promise<void> {
  try {
    await fetchInfo(signal);
  } catch {
    return;
  }
  reloadIfOldEnough();
}
