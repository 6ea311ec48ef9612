import { defineConfig } from "vitest/config";

// Built into the Django app's static files; django-vite reads the manifest. Relative, so that any STATIC_URL works.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../jobs/static/jobs/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    // A data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        main: "src/main.ts",
        "map-page": "src/map-page.ts",
        "new-job": "src/new-job.ts",
        scan: "src/scan.ts",
        contacts: "src/contacts.ts",
        variants: "src/variants.ts",
        assay: "src/assay.ts",
      },
      // htmx holds an eval for attributes that nobody here writes; allowEval is off and the policy forbids it.
      checks: { eval: false },
    },
  },
  worker: { format: "es" },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
