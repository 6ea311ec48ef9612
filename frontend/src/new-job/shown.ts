// The preview of the library on the page, whether the browser or the service read it.
import { file, need, text } from "./page";
import { offerPlaces } from "./places";
import { details, sentence } from "./preview";
import type { Report } from "./report";
import { waysOut } from "./ways-out";

/** Shows a report, with `more` below it; hides the preview if there is none. */
export function showPreview(report: Report | null, final: boolean, more: Node[] = []): void {
  need("preview").hidden = report === null;
  setStatus(report ? sentence(report, final) : "");
  const listed = document.getElementById("records") !== null; // the service listed the faults when it refused the form
  need("preview-body").replaceChildren(...(report && final ? [...details(report, !listed), ...waysOut(report), ...more] : []));
  leadToFaults("preview-body");
}

/** Shows a sentence about a library that is not shown itself. */
export function showSentence(words: string): void {
  need("preview").hidden = false;
  setStatus(words);
  need("preview-body").replaceChildren();
}

// Screen readers read only what has changed.
function setStatus(words: string): void {
  const status = need("preview-status");
  if (status.textContent !== words) status.textContent = words;
}

/** Links faults of pasted text to their places. Faults of a file have no place on the page. */
export function leadToFaults(id: string): void {
  if (!file.files?.length && text.value) offerPlaces(need(id), text);
}
