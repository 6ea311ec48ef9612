// Sending the form with its progress, and showing the service's answer.
import { forget } from "./keeping";
import { address, form, formBody, key, need } from "./page";
import { bytesText } from "./preview";
import { library } from "./previews";
import { leadToFaults, showPreview } from "./shown";
import { type Answer, type Sending, send } from "./upload";

// The service itself answers 413 with the page, and its own reason on it.
const PROXY_TOO_LARGE =
  "A proxy in front of the service refuses files of this size, and nothing was queued. Send the library packed with gzip or in parts, or ask the administrator to raise the proxy's limit (nginx: client_max_body_size).";

let sending: Sending | null = null;
let ended = false; // whether the session has ended: then the form has an old token

/** Returns a key for this version of the form: the same version sent twice makes one job. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `form-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function progress(sent: number, total: number): void {
  const bar = need<HTMLProgressElement>("upload-bar");
  const whole = sent >= total;
  need("upload-text").textContent = whole
    ? "Everything has arrived. The service checks and queues it."
    : `Sending: ${bytesText(sent)} of ${bytesText(total)}`;
  if (whole) bar.removeAttribute("value");
  else bar.value = (100 * sent) / total;
}

function busy(yes: boolean): void {
  const submit = need<HTMLButtonElement>("submit");
  const held = document.activeElement === submit;
  need("upload").hidden = !yes;
  if (yes && held) need("upload-stop").focus(); // a disabled button would drop the focus
  submit.disabled = yes;
}

/** Copies the problems from the page in the server's answer. */
function showProblems(page: Document): void {
  for (const place of document.querySelectorAll("[data-slot]")) {
    place.replaceChildren(...(page.getElementById(place.id)?.childNodes ?? []));
  }
  for (const input of form.querySelectorAll("[aria-describedby*=problem-]")) {
    const wrong = page.getElementById(input.id)?.hasAttribute("aria-invalid") ?? false;
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  for (const place of form.querySelectorAll("details [data-slot]")) {
    const fold = place.childElementCount ? place.closest("details") : null;
    if (fold) fold.open = true;
  }
  // By now this page has the nodes of the answer.
  if (library.report && document.getElementById("records")) showPreview(library.report, true);
  leadToFaults("problem-records");
  // The browser keeps the chosen files, so these notes are wrong.
  for (const note of document.querySelectorAll("[data-slot] [data-no-script]")) note.remove();
  document.getElementById("refusal")?.focus();
}

function say(words: string, link = ""): void {
  const box = document.createElement("div");
  box.className = "problem mb-3";
  box.id = "refusal";
  box.tabIndex = -1;
  box.setAttribute("role", "alert");
  box.textContent = words;
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link;
    anchor.target = "_blank";
    anchor.rel = "noopener";
    anchor.textContent = "Log in in another tab";
    box.append(" ", anchor);
  }
  need("problem-summary").replaceChildren(box);
  box.focus();
}

async function freshToken(): Promise<void> {
  const answer = await fetch(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector<HTMLInputElement>("#new-job [name=csrfmiddlewaretoken]");
  const own = form.elements.namedItem("csrfmiddlewaretoken");
  if (fresh && own instanceof HTMLInputElement) own.value = fresh.value;
}

function take(answer: Answer): void {
  if (answer.status === 201) {
    const { url } = JSON.parse(answer.text) as { url: string };
    forget();
    location.assign(url);
    return;
  }
  busy(false);
  ended = answer.status === 401 || answer.status === 403;
  if (ended) {
    say("You are logged out, and nothing was queued. This form stays as it is: log in, then submit it again.", form.dataset.login);
    return;
  }
  const page = new DOMParser().parseFromString(answer.text, "text/html");
  if (page.getElementById("problem-summary")) showProblems(page);
  else if (answer.status === 413) say(PROXY_TOO_LARGE);
  else say(`The service answered with an error (${answer.status}). Nothing was queued; try it again in a minute.`);
}

export function sendWithProgress(): void {
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, () => {
      key.value = newKey();
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (sending) return;
    busy(true);
    progress(0, 1);
    void (async () => {
      try {
        if (ended) await freshToken();
        sending = send(address, formBody(), progress);
        const answer = await sending.answer;
        sending = null; // the upload is over: the browser need not ask before it leaves the page
        take(answer);
      } catch (error) {
        busy(false);
        const stopped = error instanceof Error && error.message === "stopped";
        say(
          stopped
            ? "Sending was stopped."
            : "The connection broke. Submit again: the service makes one job of it even if the first one arrived.",
        );
      } finally {
        sending = null;
      }
    })();
  });
  need("upload-stop").addEventListener("click", () => sending?.stop());
  addEventListener("beforeunload", (event) => {
    if (sending) event.preventDefault();
  });
  // After "back" from the job's page, the browser may show this page as it was.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      busy(false);
      key.value = newKey();
    }
  });
}
