import { type FormEvent, useEffect, useRef, useState } from "react";
import { createCredential } from "../api/access.ts";
import { reasonOf } from "../api/client.ts";
import { Copyable } from "../copyable.tsx";
import { usePath } from "../url-state.ts";
import { useCaller } from "./ask.ts";
import { canBeShared, mayDo } from "./map.ts";

const DAYS = [1, 7, 30, 365] as const;
const BUTTON =
  "touch-target cursor-pointer rounded border border-line bg-raised px-1 py-0.5 text-strong hover:border-quiet";

/** Makes a link that shows this page, as it is, to whoever has it. Where nobody signs in, the address does that. */
export function Share() {
  const caller = useCaller();
  const path = usePath();
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    if (isOpen) {
      dialog.current?.showModal();
    }
  }, [isOpen]);
  if (caller?.caller === "open" || !mayDo(caller, "admin") || !canBeShared(path)) {
    return null;
  }
  return (
    <>
      <button
        type="button"
        onClick={() => setOpen(true)}
        className={`${BUTTON} shrink-0 text-body`}
      >
        Share
      </button>
      <dialog
        ref={dialog}
        aria-labelledby="share-title"
        onClose={() => setOpen(false)}
        className="m-auto w-[min(36rem,calc(100vw-2rem))] rounded border border-line bg-panel p-2 text-body text-plain backdrop:bg-ground/70"
      >
        {isOpen && <ShareForm onClose={() => dialog.current?.close()} />}
      </dialog>
    </>
  );
}

function ShareForm({ onClose }: { onClose: () => void }) {
  const [link, setLink] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const { pathname, search, origin } = window.location;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      const { secret } = await createCredential({
        kind: "share_link",
        name: `${form.get("name")}`,
        page: `${pathname}${search}`,
        days: Number(form.get("days")),
      });
      setLink(`${origin}/share/${secret}`);
    } catch (cause) {
      setFailure(reasonOf(cause));
    }
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-1">
      <h2 id="share-title" className="text-title font-medium text-strong">
        Share this page
      </h2>
      <p>Whoever has the link sees this page, live, and nothing else. Setup lists the links.</p>
      {link === null ? (
        <>
          <label className="flex flex-col">
            For whom, or what
            <input
              name="name"
              required
              pattern=".*\S.*"
              maxLength={100}
              placeholder="screen in the lobby"
              autoComplete="off"
              className="touch-target rounded border border-line bg-ground px-1 py-0.5 text-strong"
            />
          </label>
          <label className="flex flex-col">
            It ends after
            <select
              name="days"
              defaultValue={7}
              className="touch-target rounded border border-line bg-ground px-1 py-0.5 text-strong"
            >
              {DAYS.map((days) => (
                <option key={days} value={days}>
                  {days === 1 ? "1 day" : `${days} days`}
                </option>
              ))}
            </select>
          </label>
        </>
      ) : (
        <Copyable testId="share-link" text={link} name="the link" />
      )}
      {failure !== null && (
        <p role="alert" className="text-bad">
          {failure}
        </p>
      )}
      <div className="flex justify-end gap-1">
        <button type="button" onClick={onClose} className={BUTTON}>
          {link === null ? "Cancel" : "Close"}
        </button>
        {link === null && (
          <button type="submit" className={BUTTON}>
            Make a link
          </button>
        )}
      </div>
    </form>
  );
}
