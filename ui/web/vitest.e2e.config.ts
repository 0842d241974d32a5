import { defineConfig } from "vitest/config";

// Journeys through the real server in a real browser. One browser, one demo:
// files run one after the other.
export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"],
    globalSetup: ["e2e/setup.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 240_000,
  },
});
