// Reads a library in the browser before it is sent, with the same counts and places of faults as the server.
// tests/data/preview-cases.json compares both. The server decides, because it knows further rules.
import type { LineReader } from "./checks";
import { FastaLines } from "./fasta";
import { JsonLines, PlainLines } from "./items";
import { emptyReport, type Report } from "./report";
import type { ItemRules } from "./rules";
import { TableLines } from "./table";

/** Returns the format from the file's name, or from its beginning; "" if neither is clear. */
export function formatOf(name: string, head: string): Report["format"] | "" {
  const plain = name.toLowerCase().replace(/\.(gz|gzip)$/, "");
  if (/\.(fasta|fa|faa|fas|fsa|fst|mpfa|pep|aa)$/.test(plain)) return "fasta";
  if (/\.(jsonl|ndjson|jsonlines)$/.test(plain)) return "jsonl";
  if (/\.(csv|tsv|tab)$/.test(plain)) return "csv";
  const text = head.trimStart();
  if (text.startsWith(">")) return "fasta";
  if (text.startsWith("{")) return "jsonl";
  const first = text.split(/[\r\n]/, 1)[0] ?? "";
  if (/sequence|variant|mutant|mutation/i.test(first)) return "csv";
  return /^[A-Za-z0-9?*. \t-]+$/.test(first) && /[A-Za-z]/.test(first) ? "plain" : "";
}

/** Reads the text of a file in pieces, cut anywhere. Memory does not grow with the file. */
export class LibraryReader {
  readonly report: Report;
  private readonly lines: LineReader;
  private rest = "";
  private number = 0;

  constructor(format: Report["format"], rules: ItemRules) {
    this.report = emptyReport(format);
    const readers = { fasta: FastaLines, jsonl: JsonLines, csv: TableLines, plain: PlainLines };
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
