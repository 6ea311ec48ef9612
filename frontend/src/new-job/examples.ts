// Examples without reload, and files that are dropped on the page.
import { action, contextFile, file, need, rules, text } from "./page";
import { context, forgetRecords, library } from "./previews";

const method = need<HTMLSelectElement>("id_method");
const likelihood = method.querySelector<HTMLOptionElement>("option[value=pseudo_log_likelihood]");

/** Offers the methods of the chosen action, and restores the choice when the action that has it is back. */
export function offerMethods(): void {
  if (!likelihood) return;
  const offered = likelihood.isConnected;
  const wanted = rules.actions[action.value]?.methods?.includes(likelihood.value) ?? true;
  if (offered && !wanted) likelihood.remove();
  else if (!offered && wanted) method.append(likelihood);
}

export function offerExamples(): void {
  for (const link of document.querySelectorAll<HTMLElement>("[data-example]")) {
    link.addEventListener("click", (event) => {
      const which = link.dataset.example ?? "";
      const example = rules.actions[which]?.example;
      if (!example) return;
      event.preventDefault();
      const own = text.value.trim() && !Object.values(rules.actions).some((one) => one.example === text.value);
      if (own && !confirm("Replace the pasted sequences by the example?")) return;
      action.value = which;
      file.value = "";
      text.value = example;
      const parent = rules.actions[which]?.parent;
      if (parent) need<HTMLTextAreaElement>("id_parent").value = parent;
      forgetRecords();
      offerMethods();
      library.look();
      text.focus();
    });
  }
}

export function takeDrops(): void {
  const zone = need("place-file");
  for (const kind of ["dragover", "drop"] as const) {
    // A file dropped outside the zone must not replace the page.
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("dropping", kind === "dragover");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    const dropped = event.dataTransfer?.files;
    const target = event.target as Element | null;
    if (!dropped?.length) return;
    const [input, preview] = target?.closest("#place-context")
      ? ([contextFile, context] as const)
      : ([file, library] as const);
    input.files = dropped;
    forgetRecords();
    preview.look();
  });
}
