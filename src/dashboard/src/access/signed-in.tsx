import { signOut } from "../api/access.ts";
import { useCaller } from "./ask.ts";

/** The way out, for whoever has signed in. */
export function SignedIn() {
  if (useCaller()?.caller !== "session") {
    return null;
  }
  async function leave() {
    await signOut();
    window.location.reload();
  }
  return (
    <button
      type="button"
      onClick={leave}
      className="touch-target cursor-pointer rounded px-0.5 hover:text-strong"
    >
      Sign out
    </button>
  );
}
