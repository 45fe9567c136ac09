import { useQuery } from "@tanstack/react-query";
import { SignedIn } from "./access/signed-in.tsx";
import { info } from "./api/polling.ts";
import { timeZone } from "./times.ts";
import { enterWall } from "./wall/controls.tsx";

/** What holds for the whole page: the zone of its times, and what served it. */
export function Footer() {
  const { data } = useQuery(info);
  return (
    <footer className="flex shrink-0 flex-wrap justify-between gap-x-2 text-small text-quiet">
      <p>Times in {timeZone()}</p>
      <button
        type="button"
        onClick={enterWall}
        title="The pages in turn, large and without controls, for a screen on the wall"
        className="touch-target ml-auto cursor-pointer rounded px-0.5 hover:text-strong"
      >
        Wall mode
      </button>
      <SignedIn />
      <p>
        {data === undefined
          ? "\u00a0"
          : `Weir ${data.version}, events kept ${data.retention_days} days`}
      </p>
    </footer>
  );
}
