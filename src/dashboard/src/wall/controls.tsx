import { useEffect, useState } from "react";
import { changeQuery } from "../url-state.ts";
import { WALL } from "./choice.ts";

/** Since the last movement of a hand. */
const SEEN_FOR_MS = 4_000;

/** Seen when somebody comes near: a hand that moves, or the keyboard. */
export function WallControls() {
  const isSeen = useHands();
  useEffect(() => {
    const leaveByKey = (event: KeyboardEvent) => event.key === "Escape" && leave();
    // In full screen, the browser takes Escape for itself.
    const leaveWithFullScreen = () => document.fullscreenElement === null && leave();
    document.addEventListener("keydown", leaveByKey);
    document.addEventListener("fullscreenchange", leaveWithFullScreen);
    return () => {
      document.removeEventListener("keydown", leaveByKey);
      document.removeEventListener("fullscreenchange", leaveWithFullScreen);
    };
  }, []);
  return (
    <div
      className={`fixed right-2 bottom-2 flex gap-1 focus-within:opacity-100 ${isSeen ? "" : "opacity-0"}`}
    >
      {document.fullscreenEnabled && <WallButton words="Full screen" onPress={enterFullScreen} />}
      <WallButton words="Leave (Esc)" onPress={leave} />
    </div>
  );
}

function WallButton({ words, onPress }: { words: string; onPress: () => void }) {
  return (
    <button
      type="button"
      onClick={onPress}
      className="touch-target cursor-pointer rounded border border-quiet bg-raised px-1.5 py-0.5 text-body text-strong"
    >
      {words}
    </button>
  );
}

/** Whether somebody moved a pointer just now; without one, there is none on the screen. */
function useHands(): boolean {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const see = () => {
      setSeen(true);
      clearTimeout(timer);
      timer = setTimeout(() => setSeen(false), SEEN_FOR_MS);
    };
    document.addEventListener("pointermove", see);
    document.addEventListener("pointerdown", see);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("pointermove", see);
      document.removeEventListener("pointerdown", see);
    };
  }, []);
  useEffect(() => {
    document.documentElement.style.cursor = isSeen ? "" : "none";
    return () => {
      document.documentElement.style.cursor = "";
    };
  }, [isSeen]);
  return isSeen;
}

/** From the page that is open: to the wall, in full screen where the browser allows it. */
export function enterWall(): void {
  changeQuery((query) => WALL.write(query, ""), WALL.history);
  enterFullScreen();
}

function enterFullScreen(): void {
  // Refused by settings, or on a phone: the wall fills the window all the same.
  document.documentElement.requestFullscreen?.().catch(() => undefined);
}

function leave(): void {
  changeQuery((query) => {
    WALL.write(query, null);
    query.delete("every");
  }, "replace");
  if (document.fullscreenElement !== null) {
    void document.exitFullscreen();
  }
}
