import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useCaller } from "../access/ask.ts";
import { mayDo } from "../access/map.ts";
import { deleteFunnel, savedFunnels, saveFunnel } from "../api/funnels.ts";
import { InnerLink } from "../pages/inner-link.tsx";
import { ConfirmDialog } from "./confirm-dialog.tsx";
import { type Funnel, fromSaved, hrefOf, isSame, STEPS_MIN } from "./funnel.ts";
import { IconButton } from "./icon-button.tsx";

/** What is to be confirmed before it is done. */
type Asked = { act: "replace" | "delete"; name: string } | null;

const NAME_CHARS_MAX = 100;

/** Funnels under names that everyone shares: those there are, and this one. */
export function SavedFunnels({ funnel }: { funnel: Funnel }) {
  const queries = useQueryClient();
  const { data: saved = [], failureReason } = useQuery(savedFunnels);
  const maySave = mayDo(useCaller(), "annotate");
  const [name, setName] = useState("");
  const [asked, setAsked] = useState<Asked>(null);
  const settled = () => queries.invalidateQueries({ queryKey: savedFunnels.queryKey });
  const options = { onSettled: settled, networkMode: "always" } as const;
  const save = useMutation({
    ...options,
    mutationFn: (under: string) => saveFunnel(under, funnel),
    onSuccess: () => setName(""),
  });
  const remove = useMutation({ ...options, mutationFn: deleteFunnel });
  const failure = save.error ?? remove.error ?? failureReason;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const under = name.trim();
    if (saved.some((other) => other.name === under)) {
      setAsked({ act: "replace", name: under });
    } else if (under !== "") {
      save.mutate(under);
    }
  };
  const confirm = () => {
    if (asked !== null) {
      (asked.act === "replace" ? save : remove).mutate(asked.name);
    }
    setAsked(null);
  };

  return (
    <section
      aria-labelledby="saved-funnels-title"
      className="flex flex-col gap-0.5 border-t border-line pt-1"
    >
      <h3 id="saved-funnels-title" className="text-body font-medium text-strong">
        Saved funnels
      </h3>
      {saved.length === 0 && failureReason === null && (
        <p className="text-small text-quiet">None yet. A name keeps this one for everybody.</p>
      )}
      <ul className="max-h-[16rem] overflow-y-auto">
        {saved.map((other) => {
          const itself = fromSaved(other.funnel);
          return (
            <li key={other.name} className="flex items-center justify-between gap-x-0.5">
              <InnerLink
                href={hrefOf(itself)}
                current={isSame(itself, funnel) ? "true" : undefined}
                className="touch-target flex min-w-0 flex-1 items-center rounded px-0.5 py-px text-body text-now hover:bg-raised aria-[current=true]:font-medium aria-[current=true]:text-strong"
              >
                <bdi dir="auto" className="min-w-0 wrap-anywhere">
                  {other.name}
                </bdi>
              </InnerLink>
              {maySave && (
                <IconButton
                  label={`Delete ${other.name}`}
                  icon="✕"
                  onClick={() => setAsked({ act: "delete", name: other.name })}
                />
              )}
            </li>
          );
        })}
      </ul>
      {maySave && funnel.steps.length >= STEPS_MIN && (
        <SaveForm name={name} onName={setName} isSaving={save.isPending} onSubmit={submit} />
      )}
      {failure !== null && (
        <p role="alert" className="text-small text-bad">
          ■ {failure.message}
        </p>
      )}
      {asked !== null && (
        <ConfirmDialog
          question={
            asked.act === "replace"
              ? `Replace “${asked.name}” by this funnel?`
              : `Delete “${asked.name}”?`
          }
          act={asked.act === "replace" ? "Replace" : "Delete"}
          onConfirm={confirm}
          onCancel={() => setAsked(null)}
        />
      )}
    </section>
  );
}

interface SaveFormProps {
  name: string;
  onName: (name: string) => void;
  isSaving: boolean;
  onSubmit: (event: FormEvent) => void;
}

function SaveForm({ name, onName, isSaving, onSubmit }: SaveFormProps) {
  return (
    <form onSubmit={onSubmit} className="flex gap-0.5">
      <input
        type="text"
        aria-label="Name to save this funnel under"
        placeholder="Name"
        maxLength={NAME_CHARS_MAX}
        value={name}
        onChange={({ target }) => onName(target.value)}
        className="touch-target min-w-0 flex-1 rounded border border-line bg-ground px-1 py-px text-body text-strong placeholder:text-quiet hover:border-quiet"
      />
      <button
        type="submit"
        disabled={isSaving}
        className="touch-target shrink-0 cursor-pointer rounded border border-line bg-raised px-1 py-px text-body text-strong hover:border-quiet"
      >
        Save
      </button>
    </form>
  );
}
