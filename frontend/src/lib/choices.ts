// Fields that belong to one choice of a form: editing one of them chooses it.

/** Checks the radio button that `data-chooses` of an edited field's surroundings names. */
export function followChoices(): void {
  document.addEventListener("input", ({ target }) => {
    const group = target instanceof Element ? target.closest<HTMLElement>("[data-chooses]") : null;
    const choice = group && document.getElementById(group.dataset.chooses ?? "");
    if (choice instanceof HTMLInputElement) choice.checked = true;
  });
}
