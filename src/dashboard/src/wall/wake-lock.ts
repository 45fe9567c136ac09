import { useEffect } from "react";

/** Keeps the screen on, where the browser can; it takes the lock back whenever the page is hidden. */
export function useWakeLock(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    let isLeft = false;
    const request = async () => {
      if (document.hidden || !("wakeLock" in navigator)) {
        return;
      }
      try {
        lock = await navigator.wakeLock.request("screen");
        if (isLeft) {
          await lock.release();
        }
      } catch {
        // A battery that runs low, or a setting: the screen goes off as it always does.
      }
    };
    void request();
    document.addEventListener("visibilitychange", request);
    return () => {
      isLeft = true;
      document.removeEventListener("visibilitychange", request);
      void lock?.release();
    };
  }, []);
}
