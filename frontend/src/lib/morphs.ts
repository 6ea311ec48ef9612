// What a morph leaves as the reader has it, though the server does not write it.
import { Idiomorph } from "idiomorph/htmx";

/** What was opened stays open, and what was given the focus without a place in the order of the Tab key keeps it. */
export function keepWhatIsInHand(): void {
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element, change) => {
    if (change !== "remove") return true;
    if (name === "open") return !(element instanceof HTMLDetailsElement);
    return name !== "tabindex" || element !== document.activeElement;
  };
}
