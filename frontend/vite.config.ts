import { defineConfig } from "vitest/config";

// Vite builds into the Django app's static files, and django-vite reads the manifest. The base is relative, so that any
// STATIC_URL works.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../jobs/static/jobs/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    // The content security policy has no data: URLs for scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // 3Dmol.js is one file of half a megabyte, loaded only with a structure.
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      input: {
        main: "src/main.ts",
        "map-page": "src/map-page.ts",
        "new-job": "src/new-job.ts",
        scan: "src/scan.ts",
        alignment: "src/alignment.ts",
        contacts: "src/contacts.ts",
        variants: "src/variants.ts",
        assay: "src/assay.ts",
        comparison: "src/comparison.ts",
      },
      // htmx contains an eval for attributes that our pages don't use. allowEval is off, and the policy forbids eval.
      checks: { eval: false },
    },
  },
  worker: { format: "es" },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
