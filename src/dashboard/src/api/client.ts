import type { components } from "./schema.gen.ts";
import { stream } from "./stream.ts";

type Schemas = components["schemas"];

/** The answer to each question, by the name it is asked under. */
export interface Answers {
  active_users: Schemas["ActiveUsersAnswer"];
  signup_funnel: Schemas["SignupFunnelAnswer"];
  top_features: Schemas["TopFeaturesAnswer"];
  error_rate: Schemas["ErrorRateAnswer"];
  error_breakdown: Schemas["ErrorBreakdownAnswer"];
  feature_adoption: Schemas["FeatureAdoptionAnswer"];
  retention: Schemas["RetentionAnswer"];
  event_names: Schemas["EventNamesAnswer"];
  property_keys: Schemas["PropertyKeysAnswer"];
  live_events: Schemas["LiveEventsAnswer"];
}

export type QueryName = keyof Answers;
export type Info = Schemas["Info"];
export type Status = Schemas["Status"];
export type Annotation = Schemas["Annotation"];
export type RejectedReply = Schemas["RejectedReply"];

/** What a question's URL carries. */
export type Arguments = Record<string, string>;

/** What an answer is to, and when it came, by this browser's own clock. */
export interface Receipt<Asked> {
  asked: Asked;
  received_at_ms: number;
  took_ms: number;
}

export type Received<Answer, Asked> = Answer & Receipt<Asked>;

/** Longer than the server gives a query, so that the server's own reason arrives first. */
const ANSWER_WAIT_MAX_MS = 10_000;

const NO_CONTENT = 204;

/** Why there is no answer, in a sentence for people. */
export class RequestFailure extends Error {
  override readonly name = "RequestFailure";
}

/** What to say of a request that failed. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

const UNAUTHORIZED = 401;

/** Hears of it when a request was answered to nobody: a session has ended, or there was none. */
let onUnauthorized: () => void = () => undefined;

export function whenUnauthorized(hear: () => void): void {
  onUnauthorized = hear;
}

/** Asks one question. Throws RequestFailure, or the abort of `signal`. */
export function fetchAnswer<Name extends QueryName, Asked extends Arguments>(
  name: Name,
  asked: Asked,
  signal: AbortSignal,
): Promise<Received<Answers[Name], Asked>> {
  const path = `/api/queries/${name}?${new URLSearchParams(asked)}`;
  return received(asked, () => fetchJson<Answers[Name]>(path, signal));
}

/** A page of the events that were not taken, newest first. */
export function fetchRejected<Asked extends Arguments>(
  asked: Asked,
  signal: AbortSignal,
): Promise<Received<RejectedReply, Asked>> {
  const path = `/api/rejected?${new URLSearchParams(asked)}`;
  return received(asked, () => fetchJson<RejectedReply>(path, signal));
}

export function fetchStatus(signal: AbortSignal): Promise<Received<Status, null>> {
  return received(null, () => fetchJson<Status>("/api/status", signal));
}

/** An answer, with what it is to and when it came. */
export async function received<Answer, Asked>(
  asked: Asked,
  fetchIt: () => Promise<Answer>,
): Promise<Received<Answer, Asked>> {
  const askedAtMs = performance.now();
  const answer = await fetchIt();
  const receipt: Receipt<Asked> = {
    asked,
    received_at_ms: Date.now(),
    took_ms: performance.now() - askedAtMs,
  };
  return { ...answer, ...receipt };
}

export function fetchInfo(signal: AbortSignal): Promise<Info> {
  return fetchJson<Info>("/api/info", signal);
}

export function fetchAnnotations(
  range: string,
  signal: AbortSignal,
): Promise<Schemas["AnnotationsReply"]> {
  return fetchJson(`/api/annotations?${new URLSearchParams({ range })}`, signal);
}

export function postAnnotation(json: Schemas["NewAnnotation"]): Promise<void> {
  return fetchJson("/api/annotations", undefined, { method: "POST", json });
}

export function deleteAnnotation(id: string): Promise<void> {
  return fetchJson(`/api/annotations/${encodeURIComponent(id)}`, undefined, { method: "DELETE" });
}

/** What a request carries that is not a GET. */
export interface Sent {
  method: "POST" | "PUT" | "DELETE";
  json?: unknown;
}

/** Throws RequestFailure, or the abort of `signal`. A reply without content is undefined. */
export async function fetchJson<Body>(
  path: string,
  signal?: AbortSignal,
  sent?: Sent,
): Promise<Body> {
  const timeout = AbortSignal.timeout(ANSWER_WAIT_MAX_MS);
  try {
    const reply = await fetch(path, {
      ...(sent && { method: sent.method }),
      ...(sent?.json !== undefined && { body: JSON.stringify(sent.json) }),
      headers: {
        accept: "application/json",
        ...(sent?.json !== undefined && { "content-type": "application/json" }),
        ...contentWith(),
      },
      signal: AbortSignal.any(signal ? [signal, timeout] : [timeout]),
    });
    if (reply.status === UNAUTHORIZED) {
      onUnauthorized();
    }
    if (!reply.ok) {
      throw new RequestFailure(await reasonIn(reply));
    }
    return (reply.status === NO_CONTENT ? undefined : await reply.json()) as Body;
  } catch (cause) {
    if (signal?.aborted || cause instanceof RequestFailure) {
      throw cause;
    }
    if (timeout.aborted) {
      throw new RequestFailure(`No answer within ${ANSWER_WAIT_MAX_MS / 1_000} s`, { cause });
    }
    if (cause instanceof SyntaxError) {
      throw new RequestFailure("The server's answer cannot be read", { cause });
    }
    throw new RequestFailure("The server cannot be reached", { cause });
  }
}

/** Who is told what is new wants an answer that has it, not the one before. */
function contentWith(): Record<string, string> {
  return stream.read().state === "live" ? { "cache-control": "no-cache" } : {};
}

/** The server's own sentence; a proxy in between may answer something else altogether. */
async function reasonIn(reply: Response): Promise<string> {
  try {
    const body = (await reply.json()) as Schemas["ErrorReply"];
    return body.error.message;
  } catch {
    return `The server answered with status ${reply.status}`;
  }
}
