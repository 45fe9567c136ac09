import { useWatched } from "../api/watched.ts";
import { useEachTenth } from "../clock.ts";
import { pageAgeMs, STALE_AFTER_MS } from "../freshness.ts";
import { fineAge } from "../times.ts";

/** The age of what the page shows. Panels say theirs only where it differs. */
export function DataAge() {
  const answers = useWatched().flatMap(({ freshness }) => freshness ?? []);
  const stale = useEachTenth((nowMs) =>
    (pageAgeMs(answers, nowMs) ?? 0) > STALE_AFTER_MS ? "▲ " : "",
  );
  const words = useEachTenth((nowMs) => {
    const ageMs = pageAgeMs(answers, nowMs);
    return ageMs === null ? "no events yet" : `newest event ${fineAge(ageMs)} ago`;
  });
  return (
    <p
      data-testid="data-age"
      className={`whitespace-nowrap ${stale === "" ? "text-quiet" : "text-warn"}`}
    >
      {answers.length > 0 && (
        <>
          <span aria-hidden="true">{stale}</span>
          {words}
        </>
      )}
    </p>
  );
}
