import type { Answers } from "../api/client.ts";

/** What a server takes as a property's key, in bytes. */
const KEY_BYTES_MAX = 200;

export interface FieldOption {
  value: string;
  label: string;
}

const OWN_FIELDS: readonly FieldOption[] = [
  { value: "device_type", label: "device_type" },
  { value: "country_code", label: "country_code" },
];

/** Everything an event can be told apart by, its most frequent properties first. */
export function fieldOptions(seen: Answers["property_keys"] | undefined): FieldOption[] {
  const keys = (seen?.rows ?? []).map((row) => row.property_key).filter(canBeAsked);
  return [...OWN_FIELDS, ...keys.map((key) => ({ value: `properties.${key}`, label: key }))];
}

function canBeAsked(key: string): boolean {
  const { length } = new TextEncoder().encode(key);
  return length > 0 && length <= KEY_BYTES_MAX;
}
