import { readFileSync } from "node:fs";
import { loadEnv, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const server = loadEnv("", ".", "MILLWRIGHT_")["MILLWRIGHT_URL"] ?? "http://127.0.0.1:8080";

/** What is shipped inside the bundle, with its licence, as licenses.txt beside it. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle() {
      const texts = ["uplot", "@fontsource-variable/inter"].map((name) => {
        const text = readFileSync(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8");
        return `${name}\n\n${text.trim()}\n`;
      });
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join(`\n${"-".repeat(80)}\n\n`) });
    },
  };
}

export default defineConfig({
  // Relative, so that the page also works behind a proxy that puts it under a path.
  base: "./",
  plugins: [licences()],
  build: {
    target: "es2022",
    // The server's policy is default-src 'self': nothing may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": server, "/healthz": server, "/readyz": server } },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
