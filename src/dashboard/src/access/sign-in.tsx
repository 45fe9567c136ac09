import { type FormEvent, useState } from "react";
import { signIn } from "../api/access.ts";
import { reasonOf } from "../api/client.ts";

/** The only page that there is for whoever has not signed in. */
export function SignIn() {
  const [failure, setFailure] = useState<string | null>(null);
  const [isSent, setSent] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const password = `${new FormData(event.currentTarget).get("password")}`;
    setSent(true);
    try {
      await signIn(password);
      // Everything was refused until now: it is asked anew.
      window.location.reload();
    } catch (cause) {
      setFailure(reasonOf(cause));
      setSent(false);
    }
  }

  return (
    <main className="flex min-h-dvh items-center justify-center p-2">
      <form
        onSubmit={submit}
        className="flex w-[min(24rem,100%)] flex-col gap-1.5 rounded border border-line bg-panel p-3 text-body"
      >
        <h1 className="text-title font-semibold text-strong">Sign in to Weir</h1>
        {/* For password managers: there is one user. */}
        <input type="text" name="username" autoComplete="username" value="weir" readOnly hidden />
        <label className="flex flex-col gap-0.5">
          Password
          <input
            name="password"
            type="password"
            required
            autoComplete="current-password"
            // biome-ignore lint/a11y/noAutofocus: there is nothing else on the page.
            autoFocus
            className="touch-target rounded border border-line bg-ground px-1 py-0.5 text-strong"
          />
        </label>
        {failure !== null && (
          <p role="alert" className="text-bad">
            {capitalised(failure)}
          </p>
        )}
        <button
          type="submit"
          disabled={isSent}
          className="touch-target cursor-pointer rounded border border-line bg-raised px-1 py-0.5 text-strong hover:border-quiet disabled:cursor-default disabled:text-quiet"
        >
          Sign in
        </button>
        <p className="text-small text-quiet">
          Weir told its first password once, when it first started. Whoever runs it can set another:{" "}
          <code className="font-mono text-plain">weir password</code>
        </p>
      </form>
    </main>
  );
}

function capitalised(sentence: string): string {
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}
