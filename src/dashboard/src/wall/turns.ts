import { type RefObject, useEffect, useEffectEvent, useRef, useState } from "react";

/** Screens that a page is shown in, if it is higher than one. What nobody would wait for is left out. */
const SCREENS_MAX = 2;
/** Of a screen that is seen again on the next, so that the eye finds its place. */
const OVERLAP = 0.1;

/**
 * Counts the turns of a wall, one each `everyMs`. A turn shows the rest of a page that is higher
 * than the screen, or calls `onNextPage`.
 */
export function useTurns(
  main: RefObject<HTMLElement | null>,
  everyMs: number,
  onNextPage: () => void,
): number {
  const [turns, setTurns] = useState(0);
  const screen = useRef(1);
  const turn = useEffectEvent(() => {
    setTurns((count) => count + 1);
    const box = main.current;
    const before = box?.scrollTop;
    if (box !== null && screen.current < SCREENS_MAX) {
      box.scrollTop += box.clientHeight * (1 - OVERLAP);
      if (box.scrollTop !== before) {
        screen.current += 1;
        return;
      }
    }
    screen.current = 1;
    box?.scrollTo(0, 0);
    onNextPage();
  });
  useEffect(() => {
    const timer = setInterval(turn, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return turns;
}
