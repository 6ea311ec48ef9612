// The page for a new job: a preview of what was chosen, examples without reload, sending with progress, errors put
// beside what they are about. Without this script the form works all the same.
import { costOf, costSentences, KNOWN_COSTS, refusalOf, type Usage } from "./new-job/estimate";
import type { Look, Seen } from "./new-job/look";
import { offerPlaces } from "./new-job/places";
import { bytesText, details, sentence } from "./new-job/preview";
import type { Report } from "./new-job/report";
import type { ItemRules, PageRules } from "./new-job/rules";
import { CostAsker, faultText, LARGEST_ASKED, type ServiceCost, serviceSentences, variantsSentence } from "./new-job/service-cost";
import { type Answer, type Sending, send } from "./new-job/upload";

const TYPING = 300; // milliseconds without a key before pasted text is looked at

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
function need<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as Kind;
}

const rules = JSON.parse(need("rules").textContent) as PageRules;
const form = need<HTMLFormElement>("new-job");
const file = need<HTMLInputElement>("id_file");
const text = need<HTMLTextAreaElement>("id_sequences");
const contextFile = need<HTMLInputElement>("id_context_file");
const contextText = need<HTMLTextAreaElement>("id_context_text");
const action = need<HTMLSelectElement>("id_action");
const model = need<HTMLSelectElement>("id_model");
const name = need<HTMLInputElement>("id_name");
// Not form.action: a field of that name hides it.
const address = form.getAttribute("action") ?? "";
const key = form.elements.namedItem("key") as HTMLInputElement;

// --- preview ---

/** One source of sequences and the place that says what is in it. */
class Preview {
  report: Report | null = null;
  private readonly worker = new Worker(new URL("./new-job/preview.worker.ts", import.meta.url), { type: "module" });
  private number = 0;

  constructor(
    private readonly source: () => { blob: Blob; name: string } | null,
    private readonly rules: () => ItemRules,
    private readonly show: (report: Report | null, final: boolean) => void,
  ) {
    this.worker.addEventListener("message", (event: MessageEvent<Seen>) => {
      const { number, report, final } = event.data;
      if (number !== this.number) return;
      this.report = final ? report : null;
      this.show(report, final);
    });
  }

  look(): void {
    this.number += 1;
    this.report = null;
    const source = this.source();
    if (!source) {
      this.show(null, true);
      return;
    }
    const asked: Look = { number: this.number, name: source.name, source: source.blob, rules: this.rules() };
    this.worker.postMessage(asked);
  }
}

function sourceOf(input: HTMLInputElement, area: HTMLTextAreaElement): { blob: Blob; name: string } | null {
  const chosen = input.files?.[0];
  if (chosen) return { blob: chosen, name: chosen.name };
  return area.value.trim() ? { blob: new Blob([area.value]), name: "" } : null;
}

function itemRules(inContext: boolean): ItemRules {
  const chosen = rules.actions[action.value];
  const limits = rules.models[model.value];
  if (!chosen || !limits) throw new Error("the page does not know this action or model");
  return {
    letters: inContext ? chosen.contextLetters : chosen.letters,
    contextLetters: chosen.contextLetters,
    needsMask: chosen.needsMask && !inContext,
    maxResidues: limits.maxResidues,
    maxContexts: rules.maxContexts,
  };
}

const library = new Preview(
  () => (rules.actions[action.value]?.preview ? sourceOf(file, text) : null),
  () => itemRules(false),
  (report, final) => {
    if (!report && action.value === "score") {
      estimate(); // whose answer is the preview
      return;
    }
    need("preview").hidden = report === null;
    need("preview-status").textContent = report ? sentence(report, final) : "";
    need("preview-body").replaceChildren(...(report && final ? details(report, !document.getElementById("records")) : []));
    leadToFaults("preview-body");
    estimate();
    if (report && final) void askUsage();
  },
);

const context = new Preview(
  () => sourceOf(contextFile, contextText),
  () => itemRules(true),
  (report, final) => {
    need("context-preview").textContent = report && final ? contextSentence(report) : "";
    estimate();
  },
);

/** Faults of pasted text lead to their places; a file is mended where it lies. */
function leadToFaults(id: string): void {
  if (!file.files?.length && text.value) offerPlaces(need(id), text);
}

function contextSentence(report: Report): string {
  if (report.broken) return report.broken;
  const first = report.faults[0];
  const fault = first ? ` Line ${first.line}: ${first.what}.` : "";
  const many = report.records > rules.maxContexts ? ` The limit is ${rules.maxContexts}.` : "";
  return `${report.records} context sequence${report.records === 1 ? "" : "s"}.${many}${fault}`;
}

function estimate(): void {
  if (!KNOWN_COSTS.includes(action.value)) {
    asker.later();
    return;
  }
  asker.stop();
  const limits = rules.models[model.value];
  const { report } = library;
  const data = new FormData(form);
  const layers = new Set(need<HTMLInputElement>("id_repr_layers").value.split(/[\s,]+/).filter(Boolean)).size;
  const wanted = {
    action: action.value,
    include: data.getAll("include").filter((value) => typeof value === "string"),
    layers,
    allRows: data.get("rows") === "all",
    half: data.get("dtype") === "float16",
  };
  const place = need("estimate");
  if (!report || report.broken || !report.good || !limits) {
    place.replaceChildren();
    return;
  }
  const homologs = context.report;
  const shared = homologs && !homologs.broken ? homologs.tokens : 0;
  const cost = costOf(report, shared, wanted, limits);
  const lines = costSentences(cost, usage, model.value).map((words) => paragraph(words, "quiet mb-1"));
  const refusal = usage ? refusalOf(cost, usage) : "";
  if (refusal) lines.push(paragraph(`The service would refuse this job now. ${refusal}`, "problem mb-1"));
  // Only what has changed is read out again.
  if (place.textContent !== lines.map((line) => line.textContent).join("")) place.replaceChildren(...lines);
}

/** Of actions with work units: what the service says of the form as it stands. */
const asker = new CostAsker(`${address}cost/`, askedForm, (cost) => {
  if (KNOWN_COSTS.includes(action.value)) return;
  const scored = action.value === "score";
  const faults = cost?.faults;
  const place = need("estimate");
  let lines: HTMLElement[] = [];
  if (faults && !scored) lines = [paragraph(variantsSentence(cost), "problem mb-1")];
  else if (cost && !faults) {
    lines = serviceSentences(cost, action.value, model.value).map((words) => paragraph(words, "quiet mb-1"));
    if (cost.refusal) lines.push(paragraph(`The service would refuse this job now: ${cost.refusal.detail}`, "problem mb-1"));
  } else if (!cost && tooLarge()) {
    lines = [paragraph("The service works out the cost of a file of this size when it reads it.", "quiet mb-1")];
  }
  if (place.textContent !== lines.map((line) => line.textContent).join("")) place.replaceChildren(...lines);
  if (!scored) return;
  need("preview").hidden = cost === null;
  const status = need("preview-status");
  const words = cost ? variantsSentence(cost) : "";
  if (status.textContent !== words) status.textContent = words;
  need("preview-body").replaceChildren(...(faults ? faultList(faults) : []));
});

function faultList(faults: NonNullable<ServiceCost["faults"]>): HTMLElement[] {
  const list = document.createElement("ul");
  list.className = "fault-list";
  for (const fault of faults.listed) {
    const line = document.createElement("li");
    line.textContent = faultText(fault);
    list.append(line);
  }
  const more = faults.more ? [paragraph(`And ${faults.more.toLocaleString("en")} more, which are not listed.`, "quiet")] : [];
  return [list, ...more];
}

function tooLarge(): boolean {
  return (file.files?.[0]?.size ?? text.value.length) > LARGEST_ASKED;
}

/** The form, where there is something to count. */
function askedForm(): FormData | null {
  const singles = action.value === "score" && need<HTMLInputElement>("id_all_singles").checked;
  const something = Boolean(file.files?.length) || text.value.trim() !== "" || singles || form.elements.namedItem("from") !== null;
  return something && !tooLarge() ? body() : null;
}

function paragraph(words: string, classes: string): HTMLElement {
  const made = document.createElement("p");
  made.className = classes;
  made.textContent = words;
  return made;
}

let usage: Usage | null = null; // as the service last said it; without it the page tells sizes only

async function askUsage(): Promise<void> {
  try {
    const answer = await fetch("/api/usage/", { headers: { Accept: "application/json" } });
    usage = answer.ok ? ((await answer.json()) as Usage) : null;
  } catch {
    usage = null;
  }
  estimate();
}

/** The faults that the service listed were about what was chosen before. Not when a preview is ready: it may come after
 * the answer.
 */
function forgetRecords(): void {
  need("problem-records").replaceChildren();
}

let typing = 0;
for (const [area, preview] of [
  [text, library],
  [contextText, context],
] as const) {
  area.addEventListener("input", () => {
    if (area === text) forgetRecords();
    clearTimeout(typing);
    typing = window.setTimeout(() => {
      preview.look();
    }, TYPING);
  });
}
file.addEventListener("change", () => {
  forgetRecords();
  library.look();
});
text.addEventListener("input", () => {
  if (text.value && file.files?.length) file.value = "";
});
contextText.addEventListener("input", () => {
  if (contextText.value && contextFile.files?.length) contextFile.value = "";
});
contextFile.addEventListener("change", () => {
  context.look();
});

const method = need<HTMLSelectElement>("id_method");
const likelihood = method.querySelector<HTMLOptionElement>("option[value=pseudo_log_likelihood]");

/** A scan takes marginals only; what was chosen for score comes back with it. */
function offerMethods(): void {
  if (!likelihood) return;
  const offered = likelihood.isConnected;
  if (action.value === "scan" && offered) likelihood.remove();
  else if (action.value !== "scan" && !offered) method.append(likelihood);
}

for (const choice of [action, model]) {
  choice.addEventListener("change", () => {
    offerMethods();
    forgetRecords();
    library.look();
    context.look();
  });
}
form.addEventListener("change", estimate);
form.addEventListener("input", () => {
  if (!KNOWN_COSTS.includes(action.value)) asker.later();
});

// --- examples, and files that are dropped ---

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

const zone = need("place-file");
for (const kind of ["dragover", "drop"] as const) {
  // A file that is dropped beside the zone must not take the page away.
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

// --- sending ---

let sending: Sending | null = null;
let ended = false; // the session: the form's token is of the old one then

/** A key of its own for each version of the form: the same version sent twice makes one job. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `form-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

for (const kind of ["input", "change"]) {
  form.addEventListener(kind, () => {
    key.value = newKey();
  });
}

function body(): FormData {
  const data = new FormData(form);
  const pasted = text.value;
  // A chosen file goes before pasted text, which stays in its place on the page.
  if (file.files?.length) data.set("sequences", "");
  if (contextFile.files?.length) data.set("context_text", "");
  if (pasted.trim() && !file.files?.length) {
    // As a file it is streamed and has no limit of its own.
    data.set("sequences", "");
    data.set("file", new Blob([pasted], { type: "text/plain" }), name.value.trim() || "Pasted sequences");
  }
  for (const [field, input] of [
    ["file", file],
    ["context_file", contextFile],
  ] as const) {
    const value = data.get(field);
    // Browsers send an empty file where none was chosen.
    if (value instanceof File && !value.size && !input.files?.length) data.delete(field);
  }
  data.delete("complete");
  data.append("complete", "1"); // last: where it is missing, more is missing
  return data;
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

/** Takes the places for problems from the page that the server answered with. */
function showProblems(page: Document): void {
  for (const place of document.querySelectorAll("[data-slot]")) {
    place.replaceChildren(...(page.getElementById(place.id)?.childNodes ?? []));
  }
  for (const input of form.querySelectorAll("[aria-describedby*=problem-]")) {
    const wrong = page.getElementById(input.id)?.hasAttribute("aria-invalid") ?? false;
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  // The answer's own nodes stand in this page by now.
  if (library.report && document.getElementById("records")) {
    need("preview-body").replaceChildren(...details(library.report, false));
  }
  leadToFaults("problem-records");
  // The browser kept what was chosen.
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
    say("You are logged out, and nothing was queued. This form stays as it is: log in, then submit it again.", "/login/");
    return;
  }
  const page = new DOMParser().parseFromString(answer.text, "text/html");
  if (page.getElementById("problem-summary")) showProblems(page);
  else say(`The service answered with an error (${answer.status}). Nothing was queued; try it again in a minute.`);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (sending) return;
  busy(true);
  progress(0, 1);
  void (async () => {
    try {
      if (ended) await freshToken();
      sending = send(address, body(), progress);
      take(await sending.answer);
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
// Back from the job's page the browser may show this page as it was left.
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    busy(false);
    key.value = newKey();
  }
});

// --- reload and back ---

const KEPT = "new-job";
const KEPT_LENGTH = 2_000_000; // characters; browsers keep about five million

/** What was typed and chosen stays over a reload and the back button, in this tab only; a file must be chosen again. */
function keep(): void {
  const kept = [...new FormData(form)].filter(([field, value]) => typeof value === "string" && !SECRET.includes(field));
  const written = JSON.stringify(kept);
  if (written.length < KEPT_LENGTH) sessionStorage.setItem(KEPT, written);
}

const SECRET = ["csrfmiddlewaretoken", "key", "complete", "from"];

function forget(): void {
  sessionStorage.removeItem(KEPT);
}

function restore(): void {
  const kept = sessionStorage.getItem(KEPT);
  // An example or an earlier job was asked for by its address.
  if (!kept || location.search) return;
  const pairs = JSON.parse(kept) as [string, string][];
  for (const element of form.elements) {
    if (element instanceof HTMLInputElement && ["checkbox", "radio"].includes(element.type)) {
      element.checked = pairs.some(([field, value]) => field === element.name && value === element.value);
    } else if (
      element instanceof HTMLSelectElement ||
      element instanceof HTMLTextAreaElement ||
      (element instanceof HTMLInputElement && element.type === "text")
    ) {
      const [, value] = pairs.find(([field]) => field === element.name) ?? [];
      if (value !== undefined) element.value = value;
    }
  }
}

restore();
offerMethods();
form.addEventListener("input", keep);
form.addEventListener("change", keep);

for (const note of document.querySelectorAll("[data-no-script]")) note.remove();
for (const one of document.querySelectorAll(".with-scripts")) one.removeAttribute("hidden");
library.look();
context.look();
