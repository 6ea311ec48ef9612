// Previews of the chosen files and fields, before anything is sent.
import { askUsage, showCost } from "./costs";
import type { Look, Seen } from "./look";
import { action, contextFile, contextText, file, LARGEST_ASKED, mayAsk, model, need, rules, source, takesVariants, text } from "./page";
import type { Report } from "./report";
import type { ItemRules } from "./rules";
import { showPreview, showSentence } from "./shown";
import { readingSentence, tooLargeSentence } from "./unread";

const TYPING = 300; // milliseconds without a key before pasted text is read

/** One source of sequences, and the place of its preview. */
class Preview {
  report: Report | null = null;
  private readonly worker = new Worker(new URL("./preview.worker.ts", import.meta.url), { type: "module" });
  private number = 0;

  constructor(
    private readonly source: () => Blob | null,
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
    const asked: Look = { number: this.number, name: source instanceof File ? source.name : "", source, rules: this.rules() };
    this.worker.postMessage(asked);
  }
}

function sourceOf(input: HTMLInputElement, area: HTMLTextAreaElement): Blob | null {
  return input.files?.[0] ?? (area.value.trim() ? new Blob([area.value]) : null);
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

export const library = new Preview(
  () => (rules.actions[action.value]?.preview ? sourceOf(file, text) : null),
  () => itemRules(false),
  (report, final) => {
    if (!report && takesVariants()) {
      estimate(); // its answer is the preview
      return;
    }
    const given = source();
    // The service's own preview follows, unless the file is too large to ask.
    if (!report || !final || !report.unsure || !given) showPreview(report, final);
    else if (asks(report)) showSentence(readingSentence(given));
    else showSentence(tooLargeSentence(given, LARGEST_ASKED));
    estimate();
    if (report && final) void askUsage().then(estimate);
  },
);

export const context = new Preview(
  () => sourceOf(contextFile, contextText),
  () => itemRules(true),
  (report, final) => {
    need("context-preview").textContent = report && final ? contextSentence(report) : "";
    estimate();
  },
);

/** Returns whether the service is asked about this library, because the browser does not judge all of it. */
function asks(report: Report): boolean {
  return (report.unsure !== "" || report.broken !== "") && mayAsk();
}

function contextSentence(report: Report): string {
  if (report.broken) return report.broken;
  if (report.unsure && !report.records) return "The service reads this file when you submit.";
  const first = report.faults[0];
  const fault = first ? ` Line ${first.line}: ${first.what}.` : "";
  const many = report.records > rules.maxContexts ? ` The limit is ${rules.maxContexts}.` : "";
  return `${report.records} context sequence${report.records === 1 ? "" : "s"}.${many}${fault}`;
}

export function estimate(): void {
  showCost(library.report, context.report, library.report !== null && asks(library.report));
}

/** Removes the faults that the service listed for the previous choice. A new preview does not call it, because it may come
 * after the answer.
 */
export function forgetRecords(): void {
  need("problem-records").replaceChildren();
}

/** Reads a source again when it changes. */
export function watchSources(): void {
  for (const [area, preview] of [
    [text, library],
    [contextText, context],
  ] as const) {
    let typing = 0;
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
}
