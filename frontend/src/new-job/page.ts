// The fields of the new-job page, and the body that is sent.
import type { PageRules, StoredArray } from "./rules";
import type { Source } from "./unread";

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function need<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as Kind;
}

export const rules = JSON.parse(need("rules").textContent) as PageRules;
export const form = need<HTMLFormElement>("new-job");
export const file = need<HTMLInputElement>("id_file");
export const text = need<HTMLTextAreaElement>("id_sequences");
export const contextFile = need<HTMLInputElement>("id_context_file");
export const contextText = need<HTMLTextAreaElement>("id_context_text");
export const action = need<HTMLSelectElement>("id_action");
export const model = need<HTMLSelectElement>("id_model");
export const name = need<HTMLInputElement>("id_name");
// Not form.action: a field of that name hides it.
export const address = form.getAttribute("action") ?? "";
export const key = form.elements.namedItem("key") as HTMLInputElement;

// Bytes; a larger library is not sent just to show it. At this size a packed file or a list of variants already takes
// the service 8 to 23 s of a core (docs/performance.md).
export const LARGEST_ASKED = 4_000_000;

/** Returns the name and the size of the chosen file, or of the pasted text; null if there is neither. */
export function source(): Source | null {
  const chosen = file.files?.[0];
  if (chosen) return { name: chosen.name, bytes: chosen.size };
  return text.value.trim() ? { name: "", bytes: text.value.length } : null;
}

/** Returns whether the library is small enough to be sent before the user submits it. */
export function mayAsk(): boolean {
  return (source()?.bytes ?? 0) <= LARGEST_ASKED;
}

/** Tells the page that its script has changed a field. */
export function changed(field: HTMLElement, kind: "input" | "change"): void {
  field.dispatchEvent(new Event(kind, { bubbles: true }));
}

/** Returns what the chosen action stores of each item; null if only the service can count it. */
export function storedArrays(): StoredArray[] | null {
  return rules.models[model.value]?.stores[action.value] ?? null;
}

/** Returns whether the chosen action reads variants of a parent, which the service judges. */
export function takesVariants(): boolean {
  return rules.actions[action.value]?.preview === false;
}

/** Returns the body of the form. */
export function formBody(): FormData {
  const data = new FormData(form);
  const pasted = text.value;
  // A chosen file takes precedence over pasted text, which stays on the page.
  if (file.files?.length) data.set("sequences", "");
  if (contextFile.files?.length) data.set("context_text", "");
  if (pasted.trim() && !file.files?.length) {
    // Sent as a file, the text is streamed and has no limit of its own.
    data.set("sequences", "");
    data.set("file", new Blob([pasted], { type: "text/plain" }), name.value.trim() || "Pasted sequences");
  }
  for (const [field, input] of [
    ["file", file],
    ["context_file", contextFile],
  ] as const) {
    const value = data.get(field);
    // Browsers send an empty file if none was chosen.
    if (value instanceof File && !value.size && !input.files?.length) data.delete(field);
  }
  data.delete("complete");
  data.append("complete", "1"); // the last field: if it is missing, the body was cut off
  return data;
}

export function paragraph(words: string, classes: string): HTMLElement {
  const made = document.createElement("p");
  made.className = classes;
  made.textContent = words;
  return made;
}
