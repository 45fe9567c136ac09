import type { QueryName } from "../api/client.ts";

/** What a panel is called, on the panel and wherever it is spoken of. */
export const TITLES: Record<QueryName | "rejected" | "rejected_lately", string> = {
  active_users: "Active users",
  signup_funnel: "Sign-ups that complete",
  top_features: "Most-used features",
  error_rate: "Error rate",
  error_breakdown: "Most frequent errors",
  feature_adoption: "Feature adoption",
  retention: "Users who come back",
  event_names: "Events seen",
  property_keys: "Properties seen",
  live_events: "Newest events",
  rejected: "Rejected events",
  rejected_lately: "What is rejected, and why",
};
