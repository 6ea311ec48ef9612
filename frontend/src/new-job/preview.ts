// A report as the page shows it: counts, a picture of lengths with its numbers in words, faults with their lines.
import { shown } from "./letters";
import { type Bin, type Fault, histogram, median, type Near, type Report } from "./report";

const BINS = 40;
const SHOWN = 20;
const WIDTH = 480;
const HEIGHT = 72;
const SVG = "http://www.w3.org/2000/svg";

const number = (value: number) => value.toLocaleString("en");
const plural = (many: number, word: string) => `${number(many)} ${word}${many === 1 ? "" : "s"}`;

export function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at && value < 100 ? value.toPrecision(2) : Math.round(value).toLocaleString("en")} ${units[at]}`;
}

/** Returns one sentence, which screen readers read when it changes. */
export function sentence(report: Report, final: boolean): string {
  if (report.broken) return report.broken;
  const formats = { fasta: "FASTA: ", jsonl: "JSONL: ", csv: "CSV: ", service: "" };
  const sequences = plural(report.records, "sequence");
  if (!final) return `Reading ${formats[report.format]}${sequences} so far`;
  const bad = report.badRecords;
  const verdict = bad ? `${plural(bad, "record")} ${bad === 1 ? "is" : "are"} not valid` : "all letters are fine";
  return `${formats[report.format]}${sequences}, ${plural(report.residues, "residue")}; ${verdict}.`;
}

/** Returns the rest of the preview, without faults if the service has already listed them. */
export function details(report: Report, withFaults = true): Node[] {
  if (report.broken || !report.records) return [];
  const nodes: Node[] = [];
  if (report.longest) nodes.push(lengths(report));
  if (report.nucleotides) {
    const many = `${plural(report.nucleotides, "sequence")} ${report.nucleotides === 1 ? "looks" : "look"}`;
    nodes.push(element("p", "warning mb-2", `${many} like DNA or RNA. Translate nucleotides to protein.`));
  }
  if (report.duplicate) {
    const { name, line } = report.duplicate;
    const many = `${number(report.duplicates)} of ${plural(report.records, "record")} ${report.duplicates === 1 ? "is" : "are"}`;
    const first = `first: ${name.slice(0, 60)}, line ${number(line)}`;
    nodes.push(element("p", "warning mb-2", `${many} called like an earlier one (${first}). Results are kept apart by index.`));
  }
  if (report.withContext) {
    nodes.push(element("p", "quiet mb-2", `${plural(report.withContext, "item")} with context sequences of their own.`));
  }
  if (withFaults && report.faultCount) nodes.push(...faults(report));
  return nodes;
}

function lengths(report: Report): HTMLElement {
  const figure = element("figure", "lengths mb-2");
  const words =
    report.shortest === report.longest
      ? `Every sequence has ${plural(report.longest, "residue")}.`
      : `Lengths from ${number(report.shortest)} to ${number(report.longest)} residues, half of them up to ${number(median(report))}.`;
  if (report.longest > report.shortest) figure.append(bars(histogram(report, BINS)));
  figure.append(element("figcaption", "quiet", words));
  return figure;
}

function bars(bins: Bin[]): SVGElement {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  picture.setAttribute("aria-hidden", "true"); // the caption says it
  const most = Math.max(...bins.map((bin) => bin.many));
  const step = WIDTH / bins.length;
  bins.forEach((bin, at) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = bin.many ? Math.max(1.5, (bin.many / most) * HEIGHT) : 0;
    bar.setAttribute("x", String(at * step));
    bar.setAttribute("width", String(Math.max(1, step - 1)));
    bar.setAttribute("y", String(HEIGHT - height));
    bar.setAttribute("height", String(height));
    const title = document.createElementNS(SVG, "title");
    const range = bin.from === bin.to ? number(bin.from) : `${number(bin.from)} to ${number(bin.to)}`;
    title.textContent = `${range} residues: ${plural(bin.many, "sequence")}`;
    bar.append(title);
    picture.append(bar);
  });
  return picture;
}

function faults(report: Report): HTMLElement[] {
  const list = element("ul", "fault-list");
  for (const fault of report.faults.slice(0, SHOWN)) list.append(faultLine(fault));
  const parts: HTMLElement[] = [element("h4", "h6", `${plural(report.faultCount, "fault")} found${report.format === "service" ? "" : " on this machine"}`), list];
  const others = report.faults.slice(SHOWN);
  if (others.length) {
    const more = element("details", "mb-2");
    const rest = element("ul", "fault-list");
    for (const fault of others) rest.append(faultLine(fault));
    more.append(element("summary", "", `${number(others.length)} more`), rest);
    parts.push(more);
  }
  const unlisted = report.faultCount - report.faults.length;
  if (unlisted) parts.push(element("p", "quiet", `And ${number(unlisted)} more, which are not listed.`));
  return parts;
}

function faultLine(fault: Fault): HTMLElement {
  const line = element("li", "");
  const place = `line ${number(fault.line)}${fault.column ? `, column ${number(fault.column)}` : ""}`;
  const strong = element("strong", "", place);
  strong.dataset.line = String(fault.line);
  strong.dataset.column = String(fault.column);
  line.append(strong, ` (${fault.record.slice(0, 60)}): ${fault.what}`);
  if (fault.near) line.append(" ", nearby(fault.near));
  return line;
}

/** Returns a piece of the sequence in which the wrong character is marked. */
function nearby([before, character, after]: Near): HTMLElement {
  const piece = element("span", "sequence");
  piece.append(before, element("mark", "", shown(character)), after);
  return piece;
}

function element(name: string, classes: string, text = ""): HTMLElement {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}
