// Attributes that a morph keeps although the server does not send them.
import { Idiomorph } from "idiomorph/htmx";

/** Keeps opened details open, what is typed in a field with focus, and focus on an element outside the tab order. */
export function keepWhatIsInHand(): void {
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element, change) => {
    if (change !== "remove") return true;
    if (name === "open") return !(element instanceof HTMLDetailsElement);
    return name !== "tabindex" || element !== document.activeElement;
  };
}
