import { defineConfig } from "@playwright/test";
import tests from "./playwright.config.ts";

/** Measurements in the browser of the tests: they print tables, and take as long as they take. */
export default defineConfig({
  ...tests,
  testMatch: "*.bench.ts",
  timeout: 0,
  reporter: [["line"]],
  use: { ...tests.use, trace: "off" },
});
