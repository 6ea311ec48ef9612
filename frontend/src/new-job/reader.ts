// Reads a library in the browser before it is sent, with the same counts and places of faults as the server.
// tests/data/preview-cases.json compares both. The server decides, because it knows further rules.
import type { LineReader } from "./checks";
import { FastaLines } from "./fasta";
import { JsonLines } from "./items";
import { emptyReport, type Report } from "./report";
import type { ItemRules } from "./rules";
import { TableLines } from "./table";

export type OwnFormat = Exclude<Report["format"], "service">;

const PIR = /^>(P1|F1|DL|DC|RL|RC|N1|N3|XX);/;
const ANNOTATION = /^>(ss|sa|aa)_/;
const ALIGNMENT_NAME = /\.a[23]m(\.gz|\.gzip|\.bgz)?$/i;
const LINE_END = /\r\n?|\n/;

/** Returns the format of a file that begins like plain FASTA, JSONL or a simple table.
 *
 * Returns "" for everything else, which the service judges (jobs/parsing/recognition.py): alignments, other tables,
 * records of databases, text without headers.
 */
export function formatOf(head: string, name = ""): OwnFormat | "" {
  const lines = head.split(LINE_END).filter((line) => line.trim());
  const first = lines[0] ?? "";
  if (ALIGNMENT_NAME.test(name) || head.includes("\0") || head.includes("\u0001")) return "";
  if (first.startsWith(">")) {
    const aligned = lines.some((line) => (line.startsWith(">") ? ANNOTATION.test(line) : /[-._~]/.test(line)));
    return PIR.test(first) || aligned ? "" : "fasta";
  }
  // An object with items is a whole request, which the service reads.
  if (/^\{\s*["}]/.test(first) && first.trimEnd().endsWith("}")) return /"items"\s*:/.test(first) ? "" : "jsonl";
  return isSimple(first) ? "csv" : "";
}

/** Returns whether a header line names the columns name and sequence only. */
function isSimple(header: string): boolean {
  const separators = [",", ";", "\t"].filter((one) => header.includes(one));
  if (separators.length !== 1) return false;
  const columns = header.split(separators[0] ?? ",").map((name) => name.trim().toLowerCase());
  return columns.length === 2 && columns.includes("sequence") && columns.includes("name");
}

/** Reads the text of a file in pieces, cut anywhere. Memory does not grow with the file. */
export class LibraryReader {
  readonly report: Report;
  private readonly lines: LineReader;
  private rest = "";
  private number = 0;

  constructor(format: OwnFormat, rules: ItemRules) {
    this.report = emptyReport(format);
    const readers = { fasta: FastaLines, jsonl: JsonLines, csv: TableLines };
    this.lines = new readers[format](this.report, rules);
  }

  take(piece: string): void {
    if (this.report.broken) return;
    let text = this.rest + piece;
    let held = "";
    if (text.endsWith("\r")) {
      // The LF of this CR may be in the next piece.
      held = "\r";
      text = text.slice(0, -1);
    }
    if (text.includes("\r")) text = text.replace(/\r\n?/g, "\n");
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.line(text.slice(start, end));
      start = end + 1;
      if (this.report.broken) return;
    }
    this.rest = text.slice(start) + held;
  }

  end(): Report {
    if (this.rest && !this.report.broken) this.line(this.rest.replace(/\r$/, ""));
    if (!this.report.broken) this.lines.end();
    if (!this.report.broken && !this.report.records) this.report.broken = "There are no records in it.";
    return this.report;
  }

  private line(text: string): void {
    this.number += 1;
    this.lines.take(text, this.number);
  }
}
