// Keeping input over a reload and the back button.
import { form } from "./page";

const KEPT = "new-job";
const KEPT_LENGTH = 2_000_000; // characters; browsers keep about five million

/** Keeps input over a reload and the back button, in this tab only. A file must be chosen again. */
export function keep(): void {
  const kept = [...new FormData(form)].filter(([field, value]) => typeof value === "string" && !SECRET.includes(field));
  const written = JSON.stringify(kept);
  if (written.length < KEPT_LENGTH) sessionStorage.setItem(KEPT, written);
}

const SECRET = ["csrfmiddlewaretoken", "key", "complete", "from"];

export function forget(): void {
  sessionStorage.removeItem(KEPT);
}

function isUntouched(element: Element): element is HTMLTextAreaElement | HTMLInputElement {
  const holdsText = element instanceof HTMLTextAreaElement || (element instanceof HTMLInputElement && element.type === "text");
  return holdsText && element.value === element.defaultValue;
}

/** Restores what was kept, unless the user has typed before this script ran. */
export function restore(): void {
  const kept = sessionStorage.getItem(KEPT);
  // The address asks for an example or an earlier job.
  if (!kept || location.search) return;
  const pairs = JSON.parse(kept) as [string, string][];
  for (const element of form.elements) {
    if (element instanceof HTMLInputElement && ["checkbox", "radio"].includes(element.type)) {
      element.checked = pairs.some(([field, value]) => field === element.name && value === element.value);
    } else if (element instanceof HTMLSelectElement || isUntouched(element)) {
      const [, value] = pairs.find(([field]) => field === element.name) ?? [];
      if (value !== undefined) element.value = value;
    }
  }
}
