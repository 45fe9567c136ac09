import { defineConfig } from "@playwright/test";
import tests from "./playwright.config.ts";

/** The pictures of the README, in the browser of the tests: `make screenshots`. */
export default defineConfig({
  ...tests,
  testDir: "screenshots",
  testMatch: "*.shots.ts",
  // The story passes at its own pace: what is waited for is minutes away.
  timeout: 20 * 60_000,
  // The next would begin with another demo.
  maxFailures: 1,
  use: {
    ...tests.use,
    trace: "off",
    viewport: { width: 1280, height: 720 },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  },
});
