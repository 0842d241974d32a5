import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { licences } from "./scripts/licences";

// The server writes the base of a page into it, so that the app works below any
// path; the development server has one fixed base.
const devBase: Plugin = {
  name: "dev-base",
  apply: "serve",
  transformIndexHtml: (html) => html.replace('<base href="./" />', '<base href="/" />'),
};

export default defineConfig({
  base: "./",
  plugins: [react(), devBase, licences()],
  build: { outDir: "build", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/allocation", "/assets", "/openapi.json"].map((p) => [p, process.env.FLEETCOST_URL ?? "http://127.0.0.1:9003"]),
    ),
  },
  test: { include: ["src/**/*.test.{ts,tsx}"], environment: "node" },
});
