// The package has no types; this file declares what we use of it.
declare module "idiomorph/htmx" {
  export const Idiomorph: {
    morph(old: Element, fresh: string, config: { morphStyle: "innerHTML" }): void;
    defaults: {
      callbacks: {
        /** false leaves the attribute as it is. */
        beforeAttributeUpdated(name: string, element: Element, change: "update" | "remove"): boolean;
      };
    };
  };
}
