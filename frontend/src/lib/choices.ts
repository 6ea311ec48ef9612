// Fields that belong to one choice of a form: editing one of them chooses it, and choosing it unfolds them.

/** Keeps the radio button that `data-chooses` names, and the fields around that attribute, in step. */
export function followChoices(): void {
  document.addEventListener("input", ({ target }) => {
    const group = target instanceof Element ? target.closest<HTMLElement>("[data-chooses]") : null;
    const choice = group && document.getElementById(group.dataset.chooses ?? "");
    if (choice instanceof HTMLInputElement) choice.checked = true;
  });
  document.addEventListener("change", ({ target }) => {
    for (const group of document.querySelectorAll<HTMLElement>("details[data-chooses]"))
      if (target instanceof Element && target.id === group.dataset.chooses) group.setAttribute("open", "");
  });
}
