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
}
export type QueryName = keyof Answers;
export type Info = Schemas["Info"];
export type Status = Schemas["Status"];
export type Annotation = Schemas["Annotation"];

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

/** Why there is no answer, in a sentence for people. */
export class RequestFailure extends Error {
  override readonly name = "RequestFailure";
}

/** Asks one question. Throws RequestFailure, or the abort of `signal`. */
export async function fetchAnswer<Name extends QueryName, Asked extends Arguments>(
  name: Name,
  asked: Asked,
  signal: AbortSignal,
): Promise<Received<Answers[Name], Asked>> {
  const path = `/api/queries/${name}?${new URLSearchParams(asked)}`;
  return await fetchTimed<Answers[Name], Asked>(path, asked, signal);
}

export function fetchStatus(signal: AbortSignal): Promise<Received<Status, null>> {
  return fetchTimed<Status, null>("/api/status", null, signal);
}

async function fetchTimed<Answer, Asked>(
  path: string,
  asked: Asked,
  signal: AbortSignal,
): Promise<Received<Answer, Asked>> {
  const askedAtMs = performance.now();
  const answer = await fetchJson<Answer>(path, signal);
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

export async function postAnnotation(annotation: Schemas["NewAnnotation"]): Promise<void> {
  await request("/api/annotations", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(annotation),
  });
}

export async function deleteAnnotation(id: string): Promise<void> {
  await request(`/api/annotations/${encodeURIComponent(id)}`, { method: "DELETE" });
}

async function fetchJson<Body>(path: string, signal: AbortSignal): Promise<Body> {
  return await request(
    path,
    { headers: { accept: "application/json", ...contentWith() }, signal },
    read<Body>,
  );
}

async function read<Body>(reply: Response): Promise<Body> {
  return (await reply.json()) as Body;
}

/** Throws RequestFailure, or the abort of the caller's signal. */
async function request<Body = void>(
  path: string,
  init: RequestInit,
  read: (reply: Response) => Promise<Body> = async () => undefined as Body,
): Promise<Body> {
  const timeout = AbortSignal.timeout(ANSWER_WAIT_MAX_MS);
  try {
    const signals = init.signal ? [init.signal, timeout] : [timeout];
    const reply = await fetch(path, { ...init, signal: AbortSignal.any(signals) });
    if (!reply.ok) {
      throw new RequestFailure(await reasonIn(reply));
    }
    return await read(reply);
  } catch (cause) {
    if (init.signal?.aborted || cause instanceof RequestFailure) {
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
