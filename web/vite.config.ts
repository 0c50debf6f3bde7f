import { defineConfig } from "vitest/config";

const server = process.env["MILLWRIGHT_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  // Relative, so that the page also works behind a proxy that puts it under a path.
  base: "./",
  build: {
    target: "es2022",
    // The server's policy is default-src 'self': nothing may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": server, "/healthz": server, "/readyz": server } },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
