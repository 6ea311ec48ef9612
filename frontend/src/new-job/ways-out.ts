// What a user can do about records that are not valid, as buttons below the preview.
import { address, changed, file, form, formBody, mayAsk, need, text } from "./page";
import type { BadOne, Report } from "./report";
import { each, join, withoutGaps } from "./rewriting";
import type { ServiceCost } from "./service-cost";

const plural = (many: number, word: string) => `${many.toLocaleString("en")} ${word}${many === 1 ? "" : "s"}`;

/** Returns a group of buttons, or nothing if there is nothing to offer. */
export function waysOut(report: Report): Node[] {
  const buttons: HTMLElement[] = [];
  if (report.badRecords && report.good && !report.broken) {
    buttons.push(button(`Submit the ${plural(report.good, "good one")}`, submitGood));
  }
  if (mayRewrite()) {
    if (report.faults.some(({ character }) => character === "-" || character === ".")) {
      buttons.push(button("Remove gaps", () => rewrite(withoutGaps)));
    }
    for (const { field, value, label } of report.offers) {
      const way = field === "layout" ? LAYOUTS[value] : undefined;
      if (way) buttons.push(button(label, () => rewrite(way)));
    }
  }
  if (report.badRecords && mayAsk()) {
    buttons.push(button(`Download the ${plural(report.badRecords, "bad one")}`, () => download(report)));
  }
  if (!buttons.length) return [];
  const group = document.createElement("div");
  group.className = "d-flex flex-wrap gap-2 mb-2";
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "What you can do");
  group.append(...buttons);
  return [group];
}

const LAYOUTS: Record<string, (text: string) => string> = { join, lines: each };

function button(words: string, act: () => unknown): HTMLElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn btn-sm btn-outline-secondary";
  made.textContent = words;
  made.addEventListener("click", () => void act());
  return made;
}

function submitGood(): void {
  need<HTMLInputElement>("id_on_invalid_skip").checked = true;
  form.requestSubmit(need<HTMLButtonElement>("submit"));
}

/** Returns whether the sequences are text that this page can change. */
function mayRewrite(): boolean {
  const chosen = file.files?.[0];
  return chosen ? !/\.(gz|gzip|bgz|xlsx)$/i.test(chosen.name) : text.value !== "";
}

async function rewrite(way: (text: string) => string): Promise<void> {
  const chosen = file.files?.[0];
  if (!chosen) {
    text.value = way(text.value);
    changed(text, "input");
    return;
  }
  const taken = new DataTransfer();
  taken.items.add(new File([way(await chosen.text())], chosen.name, { type: chosen.type }));
  file.files = taken.files;
  changed(file, "change");
}

/** Downloads the bad records. The browser's own reader keeps only their faults, so the service reads them. */
async function download(report: Report): Promise<void> {
  if (report.format === "service") {
    save(report.badOnes);
    return;
  }
  const answer = await fetch(`${address}cost/`, { method: "POST", body: formBody(), headers: { "X-Requested-With": "fetch" } });
  const cost = answer.ok ? ((await answer.json()) as ServiceCost) : null;
  if (cost?.library) save(cost.library.badOnes);
}

/** Downloads the records as a table that can be mended and handed in again. */
function save(records: BadOne[]): void {
  const rows = records.map(({ header, sequence, line, why }) => [header, sequence, String(line), why].map(quoted).join(","));
  const blob = new Blob([["name,sequence,line,problem", ...rows, ""].join("\n")], { type: "text/csv" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "bad-records.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function quoted(cell: string): string {
  return `"${cell.replaceAll('"', '""')}"`;
}
