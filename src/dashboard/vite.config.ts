import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    rolldownOptions: {
      output: {
        // Browsers keep what did not change: a release seldom touches either of the two.
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules\/(react|react-dom|scheduler|@tanstack)\// },
            { name: "charts", test: /node_modules\// },
          ],
        },
      },
    },
  },
  // WEIR_DASHBOARD_ADDR's default, so that `npm run dev` shows a locally running `weir serve`.
  server: { proxy: { "/api": "http://127.0.0.1:3000" } },
  test: { include: ["src/**/*.test.ts"] },
});
