// The package has no types; this file declares what we use of it.
declare module "idiomorph/htmx" {
  export const Idiomorph: {
    morph(old: Element, fresh: string, config: { morphStyle: "innerHTML" }): void;
    defaults: {
      /** true keeps the value of the field that has focus. */
      ignoreActiveValue: boolean;
      callbacks: {
        /** false leaves the attribute as it is. */
        beforeAttributeUpdated(name: string, element: Element, change: "update" | "remove"): boolean;
      };
    };
  };
}
