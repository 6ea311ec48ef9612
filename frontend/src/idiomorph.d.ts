// The package brings no types; only its htmx extension is used.
declare module "idiomorph/htmx";
