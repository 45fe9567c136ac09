import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { askCaller } from "./access/ask.ts";
import { whenUnauthorized } from "./api/client.ts";
import { followRevisions } from "./api/refetching.ts";
import { App } from "./app.tsx";
import "./styles.css";

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html must hold an element with the id root");
}

const queries = new QueryClient();
followRevisions(queries);
whenUnauthorized(() => void queries.invalidateQueries({ queryKey: askCaller.queryKey }));

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
