import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { deleteAnnotation, postAnnotation, reasonOf } from "../api/client.ts";
import type { Range } from "../range.ts";
import { clockTime } from "../times.ts";
import { type Choice, useParameter } from "../url-state.ts";
import { ANNOTATIONS_KEY } from "./ask.ts";
import { toInput, toSend } from "./map.ts";
import { useMarks } from "./use-marks.ts";

const TEXT_CHARS_MAX = 200;
const BUTTON =
  "touch-target cursor-pointer rounded border border-line bg-raised px-1 py-0.5 text-strong hover:border-quiet";
const INPUT = "touch-target rounded border border-line bg-ground px-1 py-0.5 text-strong";

/** The button, and the form it opens: a text at a time, and what is marked in the range already. */
export function Annotate({ range }: { range: Choice<Range> }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [openedMs, setOpenedMs] = useState<number | null>(null);
  useEffect(() => {
    // With the form in it, so that its first input has the focus.
    if (openedMs !== null) {
      dialog.current?.showModal();
    }
  }, [openedMs]);
  return (
    <>
      <button
        type="button"
        onClick={() => setOpenedMs(Date.now())}
        className={`${BUTTON} shrink-0 text-body`}
      >
        Annotate
      </button>
      <dialog
        ref={dialog}
        aria-labelledby="annotate-title"
        onClose={() => setOpenedMs(null)}
        className="m-auto w-[min(32rem,calc(100vw-2rem))] rounded border border-line bg-panel p-2 text-body text-plain backdrop:bg-ground/70"
      >
        {openedMs !== null && (
          <AnnotateForm range={range} openedMs={openedMs} onClose={() => dialog.current?.close()} />
        )}
      </dialog>
    </>
  );
}

interface AnnotateFormProps {
  range: Choice<Range>;
  openedMs: number;
  onClose: () => void;
}

function AnnotateForm({ range, openedMs, onClose }: AnnotateFormProps) {
  const client = useQueryClient();
  const [shownRange] = useParameter(range);
  const marks = useMarks(shownRange);
  const [failure, setFailure] = useState<string | null>(null);

  async function change(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      setFailure(null);
      await client.invalidateQueries({ queryKey: ANNOTATIONS_KEY });
      return true;
    } catch (cause) {
      setFailure(reasonOf(cause));
      return false;
    }
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [text, at] = [`${form.get("text")}`, `${form.get("at")}`];
    if (await change(() => postAnnotation(toSend(text, at, toInput(openedMs))))) {
      onClose();
    }
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-1">
      <h2 id="annotate-title" className="text-title font-medium text-strong">
        Mark a moment on the charts
      </h2>
      <label className="flex flex-col">
        Text
        <input
          name="text"
          required
          pattern=".*\S.*"
          maxLength={TEXT_CHARS_MAX}
          placeholder="fix deployed"
          autoComplete="off"
          className={INPUT}
        />
      </label>
      <label className="flex flex-col">
        At
        <input name="at" type="datetime-local" defaultValue={toInput(openedMs)} className={INPUT} />
      </label>
      {failure !== null && (
        <p role="alert" className="text-bad">
          {failure}
        </p>
      )}
      <div className="flex justify-end gap-1">
        <button type="button" onClick={onClose} className={BUTTON}>
          Cancel
        </button>
        <button type="submit" className={BUTTON}>
          Add
        </button>
      </div>
      {marks.length > 0 && (
        <ul
          aria-label="Annotations in this range"
          className="flex max-h-[30vh] flex-col overflow-y-auto"
        >
          {marks.map(({ id, timeMs, text }) => (
            <li key={id} className="flex items-baseline gap-1">
              <span className="text-quiet">{clockTime(timeMs)}</span>
              <bdi className="min-w-0 flex-1 wrap-anywhere text-strong">{text}</bdi>
              <button
                type="button"
                onClick={() => change(() => deleteAnnotation(id))}
                aria-label={`Delete ${text}`}
                className={`${BUTTON} text-small`}
              >
                Delete
              </button>
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}
