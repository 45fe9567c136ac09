import { fetchJson } from "./client.ts";
import type { components } from "./schema.gen.ts";

type Schemas = components["schemas"];

export type Caller = Schemas["SessionReply"];
export type Credential = Schemas["CredentialInfo"];
export type NewCredential = Schemas["NewCredential"];
export type CreatedCredential = Schemas["CreatedCredential"];

export function fetchSession(signal: AbortSignal): Promise<Caller> {
  return fetchJson("/api/session", signal);
}

export function signIn(password: string): Promise<void> {
  return fetchJson("/api/session", undefined, { method: "POST", json: { password } });
}

export function signOut(): Promise<void> {
  return fetchJson("/api/session", undefined, { method: "DELETE" });
}

export function signOutEverywhere(): Promise<void> {
  return fetchJson("/api/sessions", undefined, { method: "DELETE" });
}

export function fetchCredentials(signal: AbortSignal): Promise<Schemas["CredentialsReply"]> {
  return fetchJson("/api/credentials", signal);
}

export function createCredential(json: NewCredential): Promise<CreatedCredential> {
  return fetchJson("/api/credentials", undefined, { method: "POST", json });
}

export function revokeCredential(id: string): Promise<void> {
  return fetchJson(`/api/credentials/${encodeURIComponent(id)}`, undefined, { method: "DELETE" });
}
