// Attributes that a morph keeps although the server sends others.
import { Idiomorph } from "idiomorph/htmx";

/** Returns whether it is what a person may be changing right now: the value of the field with focus. */
function isInHand(name: string, element: Element): boolean {
  const active = document.activeElement;
  if (name === "selected") return active instanceof HTMLSelectElement && active.contains(element);
  return (name === "value" || name === "checked") && element === active && element.matches("input, textarea");
}

/** Keeps opened details open, what is typed in a field with focus, and focus on an element outside the tab order. */
export function keepWhatIsInHand(): void {
  // `ignoreActiveValue` would keep the children of any element with focus, such as a section, for good.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element, change) => {
    if (isInHand(name, element)) return false;
    if (change !== "remove") return true;
    if (name === "open") return !(element instanceof HTMLDetailsElement);
    return name !== "tabindex" || element !== document.activeElement;
  };
}
