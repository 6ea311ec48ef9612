// What the job would cost, under the preview: kept up to date while the form changes.
import { costOf, costSentences, refusalOf, type Usage } from "./estimate";
import { action, address, file, form, formBody, mayAsk, model, need, paragraph, rules, storedArrays, takesVariants, text } from "./page";
import { type Report, reportOf } from "./report";
import { CostAsker, faultText, type ServiceCost, serviceSentences, variantsSentence, warningTexts } from "./service-cost";
import { showPreview } from "./shown";

let asks = false; // whether the service reads the library for the preview
let usage: Usage | null = null; // the service's last answer; without it the page shows sizes only

export async function askUsage(): Promise<void> {
  try {
    const answer = await fetch("/api/usage/", { headers: { Accept: "application/json" } });
    usage = answer.ok ? ((await answer.json()) as Usage) : null;
  } catch {
    usage = null;
  }
}

/** Shows what the job would cost: computed here if possible, otherwise by the service.
 *
 * With `ask` the service also reads the library for the preview.
 */
export function showCost(report: Report | null, homologs: Report | null, ask = false): void {
  asks = ask;
  const stores = storedArrays();
  if (!stores || asks) {
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
  const place = need("estimate");
  if (!report || report.broken || !report.good) {
    place.replaceChildren();
    return;
  }
  const shared = homologs && !homologs.broken ? homologs.tokens : 0;
  const cost = costOf(report, shared, wanted, stores);
  const lines = costSentences(cost, usage, model.value).map((words) => paragraph(words, "quiet mb-1"));
  const refusal = usage ? refusalOf(cost, usage) : "";
  if (refusal) lines.push(paragraph(`The service would refuse this job now. ${refusal}`, "problem mb-1"));
  // Screen readers read only what has changed.
  if (place.textContent !== lines.map((line) => line.textContent).join("")) place.replaceChildren(...lines);
}

/** Shows the service's cost of the current form, for actions with work units. */
export const asker = new CostAsker(`${address}cost/`, askedForm, (cost) => {
  if (storedArrays() && !asks) return;
  const scored = takesVariants();
  const faults = cost?.faults;
  const place = need("estimate");
  let lines: HTMLElement[] = [];
  // Faults of records are in the preview.
  if (faults && !scored) lines = cost.library?.faultCount || cost.library?.broken ? [] : [paragraph(variantsSentence(cost), "problem mb-1")];
  else if (cost && !faults) {
    lines = serviceSentences(cost, rules.actions[action.value]?.unitWords ?? ["unit", "units"], model.value).map((words) => paragraph(words, "quiet mb-1"));
    if (cost.refusal) lines.push(paragraph(`The service would refuse this job now: ${cost.refusal.detail}`, "problem mb-1"));
  } else if (!cost && !mayAsk()) {
    lines = [paragraph("The service works out the cost of a file of this size when it reads it.", "quiet mb-1")];
  }
  if (place.textContent !== lines.map((line) => line.textContent).join("")) place.replaceChildren(...lines);
  if (!scored) {
    const warnings = cost && !faults ? warningTexts(cost).map((words) => paragraph(words, "warning mb-1")) : [];
    if (asks && cost?.library) showPreview(reportOf(cost.library), true, warnings);
    return;
  }
  need("preview").hidden = cost === null;
  const status = need("preview-status");
  const words = cost ? variantsSentence(cost) : "";
  if (status.textContent !== words) status.textContent = words;
  need("preview-body").replaceChildren(...(faults ? faultList(faults) : cost ? warningTexts(cost).map((words) => paragraph(words, "warning mb-1")) : []));
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

/** Returns the form, or null if it has nothing to count. */
function askedForm(): FormData | null {
  const singles = takesVariants() && need<HTMLInputElement>("id_all_singles").checked;
  const something = Boolean(file.files?.length) || text.value.trim() !== "" || singles || form.elements.namedItem("from") !== null;
  return something && mayAsk() ? formBody() : null;
}
