import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { askCredentials, CREDENTIALS_KEY } from "../access/ask.ts";
import { originsIn, purposeWords, type Scope } from "../access/map.ts";
import {
  type CreatedCredential,
  createCredential,
  type NewCredential,
  revokeCredential,
  signOutEverywhere,
} from "../api/access.ts";
import { reasonOf } from "../api/client.ts";
import { Copyable } from "../copyable.tsx";
import { ConfirmDialog } from "../funnels/confirm-dialog.tsx";
import { Card } from "./card.tsx";

const BUTTON =
  "touch-target cursor-pointer rounded border border-line bg-raised px-1 py-0.5 text-strong hover:border-quiet";
const INPUT = "touch-target min-w-0 rounded border border-line bg-ground px-1 py-0.5 text-strong";

/** Keys, tokens and links: what there is, and how there comes to be more and less of it. */
export function Credentials() {
  const client = useQueryClient();
  const { data: credentials = [], failureReason } = useQuery(askCredentials);
  const [created, setCreated] = useState<CreatedCredential | null>(null);
  const [revoked, setRevoked] = useState<{ id: string; name: string } | null>(null);
  const [failure, setFailure] = useState<string | null>(null);

  /** Whether it was done. */
  async function change(work: () => Promise<void>): Promise<boolean> {
    let isDone = false;
    try {
      await work();
      isDone = true;
      setFailure(null);
    } catch (cause) {
      setFailure(reasonOf(cause));
    }
    await client.invalidateQueries({ queryKey: CREDENTIALS_KEY });
    return isDone;
  }

  const said = failure ?? failureReason?.message ?? null;
  return (
    <Card name="credentials" title="Keys, tokens and links">
      {credentials.length > 0 && (
        <ul className="flex flex-col divide-y divide-line">
          {credentials.map((credential) => (
            <li key={credential.id} className="flex items-center gap-1 py-0.5">
              <span className="min-w-0 flex-1 wrap-anywhere">
                <bdi className="text-strong">{credential.name}</bdi>
                <span className="block text-small">
                  {purposeWords(credential)}
                  {credential.expires_at !== null &&
                    `, until ${new Date(credential.expires_at).toLocaleDateString()}`}
                </span>
              </span>
              <button
                type="button"
                onClick={() => setRevoked(credential)}
                aria-label={`Revoke ${credential.name}`}
                className={`${BUTTON} text-small`}
              >
                Revoke
              </button>
            </li>
          ))}
        </ul>
      )}
      {created !== null && (
        <div className="flex flex-col gap-0.5">
          <p>
            <bdi className="text-strong">{created.name}</bdi> is made. This is shown once:
          </p>
          <Copyable testId="secret" text={created.secret} name="the secret" />
        </div>
      )}
      <CredentialForm
        onSubmit={(credential) =>
          change(async () => setCreated(await createCredential(credential)))
        }
      />
      {said !== null && (
        <p role="alert" className="text-bad">
          {said}
        </p>
      )}
      <button
        type="button"
        onClick={() =>
          change(async () => {
            await signOutEverywhere();
            window.location.reload();
          })
        }
        className="touch-target cursor-pointer self-start rounded text-small text-quiet hover:text-strong"
      >
        Sign out everywhere
      </button>
      {revoked !== null && (
        <ConfirmDialog
          question={`Revoke “${revoked.name}”? Whoever uses it is refused within seconds.`}
          act="Revoke"
          onCancel={() => setRevoked(null)}
          onConfirm={() => {
            setRevoked(null);
            setCreated(null);
            void change(() => revokeCredential(revoked.id));
          }}
        />
      )}
    </Card>
  );
}

function CredentialForm({
  onSubmit,
}: {
  onSubmit: (credential: NewCredential) => Promise<boolean>;
}) {
  const [isKey, setKey] = useState(true);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const text = (name: string) => `${form.get(name) ?? ""}`;
    const name = text("name");
    const isMade = await onSubmit(
      isKey
        ? { kind: "write_key", name, origins: originsIn(text("origins")) }
        : { kind: "token", name, scope: text("scope") as Scope },
    );
    // What was refused stays, to be put right.
    if (isMade) {
      element.reset();
      setKey(true);
    }
  }

  return (
    <form
      onSubmit={submit}
      aria-label="A new key or token"
      className="flex flex-wrap items-end gap-1"
    >
      <label className="flex flex-col">
        New
        <select
          value={isKey ? "write_key" : "token"}
          onChange={(change) => setKey(change.target.value === "write_key")}
          className={INPUT}
        >
          <option value="write_key">write key</option>
          <option value="token">API token</option>
        </select>
      </label>
      <label className="flex min-w-0 flex-1 basis-[9rem] flex-col">
        Name
        <input
          name="name"
          required
          pattern=".*\S.*"
          maxLength={100}
          autoComplete="off"
          className={INPUT}
        />
      </label>
      {isKey ? (
        <label className="flex min-w-0 flex-1 basis-[14rem] flex-col">
          Sites that may send with it
          <input
            name="origins"
            placeholder="https://app.example.com"
            autoComplete="off"
            className={INPUT}
          />
        </label>
      ) : (
        <label className="flex flex-col">
          May
          <select name="scope" className={INPUT}>
            <option value="read">read</option>
            <option value="annotate">read and annotate</option>
            <option value="admin">do everything</option>
          </select>
        </label>
      )}
      <button type="submit" className={BUTTON}>
        Make
      </button>
    </form>
  );
}
