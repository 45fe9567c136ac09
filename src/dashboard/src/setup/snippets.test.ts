import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { annotationLine, browserSnippet, isLoopback } from "./snippets.ts";

it("the_snippet_for_browsers_is_the_readmes", () => {
  const readme = readFileSync(new URL("../../../../README.md", import.meta.url), "utf8");
  expect(readme).toContain(browserSnippet("http://127.0.0.1:3001", false));
});

it("the_line_that_annotates_is_ready_to_paste", () => {
  expect(annotationLine("http://127.0.0.1:3000", false)).toBe(
    "curl -X POST http://127.0.0.1:3000/api/annotations -H 'Content-Type: application/json' " +
      `-d '{"text":"version 1.2 deployed"}'`,
  );
});

it.each([
  ["http://127.0.0.1:3001", true],
  ["http://localhost:3001", true],
  ["http://[::1]:3001", true],
  ["https://events.example", false],
  ["http://192.168.1.7:3001", false],
  ["", false],
])("%s is reached by this machine only: %s", (url, expected) => {
  expect(isLoopback(url)).toBe(expected);
});

it("snippets_have_a_place_for_the_key_where_one_is_needed", () => {
  expect(browserSnippet("https://events.example", true)).toContain(
    'const WEIR = "https://events.example/events?write_key=wk_…";',
  );
  expect(annotationLine("https://weir.example", true)).toContain("Authorization: Bearer at_…");
});
