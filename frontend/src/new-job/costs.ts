// What the job would cost, under the preview: kept up to date while the form changes.
import { costOf, costSentences, isMixed, refusalOf, type Usage } from "./estimate";
import { action, address, file, form, formBody, LARGEST_ASKED, mayAsk, model, need, paragraph, rules, source, storedArrays, takesVariants, text } from "./page";
import { type Report, reportOf } from "./report";
import { CostAsker, faultText, type ServiceCost, serviceSentences, variantsSentence, warningTexts } from "./service-cost";
import { showPreview, showSentence } from "./shown";
import { missingSentence, tooLargeSentence } from "./unread";

let asks = false; // whether the service reads the library for the preview
let usage: Usage | null = null; // the service's last answer; without it the page shows sizes only

export async function askUsage(): Promise<void> {
  try {
    const answer = await fetch(form.dataset.usage ?? "", { headers: { Accept: "application/json" } });
    usage = answer.ok ? ((await answer.json()) as Usage) : null;
  } catch {
    usage = null;
  }
}

/** Only the service knows which workers compute in which type. */
function byPrecision(): boolean {
  const chosen = new FormData(form).get("precision");
  return (typeof chosen === "string" && chosen !== "auto") || isMixed(usage, model.value);
}

/** Shows what the job would cost: computed here if possible, otherwise by the service.
 *
 * With `ask` the service also reads the library for the preview.
 */
export function showCost(report: Report | null, homologs: Report | null, ask = false): void {
  asks = ask;
  const stores = storedArrays();
  if (!stores || asks || byPrecision()) {
    asker.later();
    return;
  }
  asker.stop();
  const data = new FormData(form);
  const layers = new Set(need<HTMLInputElement>("id_repr_layers").value.split(/[\s,]+/).filter(Boolean)).size;
  const wanted = {
    chose: (field: string, value: string) => data.getAll(field).includes(value),
    layers,
    half: data.get("dtype") === "float16",
  };
  if (!report || report.broken || !report.good) {
    need("estimate").replaceChildren();
    return;
  }
  const shared = homologs && !homologs.broken ? homologs.tokens : 0;
  const cost = costOf(report, shared, wanted, stores);
  const lines = costSentences(cost, usage, model.value, {}, action.value).map((words) => paragraph(words, "quiet mb-1"));
  const refusal = usage ? refusalOf(cost, usage) : "";
  if (refusal) lines.push(paragraph(`The service would refuse this job now. ${refusal}`, "problem mb-1"));
  showEstimate(lines);
}

/** Shows the service's cost of the current form, and its preview of the library if the browser has none. */
export const asker = new CostAsker(`${address}cost/`, askedForm, (cost, missing) => {
  if (storedArrays() && !asks && !byPrecision()) return;
  showEstimate(estimateLines(cost));
  const warnings = cost && !cost.faults ? warningTexts(cost).map((words) => paragraph(words, "warning mb-1")) : [];
  const given = source();
  if (given && missing) showSentence(missingSentence(given, missing));
  else if (given && !cost && !mayAsk()) showSentence(tooLargeSentence(given, LARGEST_ASKED));
  else if (takesVariants()) showVariants(cost, warnings);
  else if (asks && cost?.library) showPreview(reportOf(cost.library), true, warnings);
});

function estimateLines(cost: ServiceCost | null): HTMLElement[] {
  if (!cost) return mayAsk() ? [] : [paragraph("The service works out the cost of a file of this size when it reads it.", "quiet mb-1")];
  if (cost.faults) {
    // Faults of records and of variants are in the preview.
    const listed = Boolean(cost.library?.faultCount) || Boolean(cost.library?.broken);
    return takesVariants() || listed ? [] : [paragraph(variantsSentence(cost), "problem mb-1")];
  }
  const units = rules.actions[action.value]?.unitWords ?? ["unit", "units"];
  const lines = serviceSentences(cost, units, model.value).map((words) => paragraph(words, "quiet mb-1"));
  if (cost.refusal) lines.push(paragraph(`The service would refuse this job now: ${cost.refusal.detail}`, "problem mb-1"));
  return lines;
}

// Screen readers read only what has changed.
function showEstimate(lines: HTMLElement[]): void {
  const place = need("estimate");
  if (place.textContent !== lines.map((line) => line.textContent).join("")) place.replaceChildren(...lines);
}

function showVariants(cost: ServiceCost | null, warnings: HTMLElement[]): void {
  showSentence(cost ? variantsSentence(cost) : "");
  need("preview").hidden = cost === null;
  need("preview-body").replaceChildren(...(cost?.faults ? faultList(cost.faults) : warnings));
}

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

/** Returns the form, or null if it has nothing to count. */
function askedForm(): FormData | null {
  const singles = takesVariants() && need<HTMLInputElement>("id_all_singles").checked;
  const something = Boolean(file.files?.length) || text.value.trim() !== "" || singles || form.elements.namedItem("from") !== null;
  return something && mayAsk() ? formBody() : null;
}
