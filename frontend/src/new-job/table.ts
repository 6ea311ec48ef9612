// CSV, line by line.
import { type LineReader, masksIn, sizeFaults, textFaults } from "./checks";
import { characters, cleaned, doubt, fault, Letters, looksLikeDna, NUCLEOTIDES } from "./letters";
import { Names } from "./names";
import { count, type Report } from "./report";
import type { ItemRules } from "./rules";

/** CSV with quotes, separated by comma, semicolon or tab, with a header line. */
export class TableLines implements LineReader {
  private readonly letters: Letters;
  private separator = "";
  private width = 0;
  private needed = 0; // fields up to the last column with a name
  private sequenceAt = 0;
  private nameAt = -1;
  private readonly names = new Names();
  private index = 0;
  private open = "";
  private openedAt = 0;

  constructor(
    private readonly report: Report,
    private readonly rules: ItemRules,
  ) {
    this.letters = new Letters(rules.letters);
  }

  take(line: string, number: number): void {
    if (!this.separator) {
      if (line.replace(/[,;\t ]/g, "")) this.header(line, number);
      return;
    }
    const text = this.open ? `${this.open}\n${line}` : line;
    const fields = split(text, this.separator);
    if (fields === "open") {
      this.openedAt ||= number;
      this.open = text;
      return;
    }
    const at = this.openedAt || number;
    this.open = "";
    this.openedAt = 0;
    if (fields === "wrong") {
      this.index += 1;
      const place = { line: at, record: `record_${this.index}` };
      count(this.report, 0, [fault("bad_csv", place, "the row cannot be read: look at its quotation marks")]);
    } else if (fields.some(Boolean)) {
      this.row(fields, at);
    }
  }

  end(): void {
    if (this.open) {
      const place = { line: this.openedAt, record: `record_${this.index + 1}` };
      count(this.report, 0, [fault("bad_csv", place, "a quotation mark is not closed")]);
    }
  }

  private header(line: string, number: number): void {
    const choices = [",", ";", "\t"].map((separator) => {
      const fields = split(line, separator);
      const columns = typeof fields === "string" ? [] : fields.map((name) => name.trim().toLowerCase());
      return { separator, columns, known: columns.includes("sequence") };
    });
    const best = choices.reduce((a, b) =>
      Number(b.known) > Number(a.known) || (b.known === a.known && b.columns.length > a.columns.length) ? b : a,
    );
    if (!best.known) {
      this.report.broken = `Line ${number}: no column is named sequence. Begin with a line such as name,sequence.`;
      return;
    }
    for (const name of ["name", "sequence"]) {
      if (best.columns.filter((column) => column === name).length > 1) {
        this.report.broken = `Line ${number}: two columns are named ${name}. Rename one.`;
      }
    }
    this.separator = best.separator;
    this.width = best.columns.length;
    this.needed = best.columns.reduce((last, name, at) => (name ? at + 1 : last), 0);
    this.sequenceAt = best.columns.indexOf("sequence");
    this.nameAt = best.columns.indexOf("name");
  }

  private row(fields: string[], line: number): void {
    this.index += 1;
    const given = this.nameAt >= 0 ? (fields[this.nameAt] ?? "").trim() : "";
    const place = { line, record: given || `record_${this.index}` };
    if (fields.length < this.needed || fields.length > this.width) {
      const what = `the row has ${fields.length} fields, and the header ${this.width}`;
      count(this.report, 0, [fault("wrong_field_count", place, what)]);
      return;
    }
    const sequence = cleaned(fields[this.sequenceAt] ?? "");
    this.report.unsure ||= doubt(sequence.replace(/-/g, ""));
    const faults = textFaults(sequence, this.letters, place);
    faults.push(...sizeFaults(characters(sequence), sequence.includes("?"), this.rules, place));
    count(this.report, characters(sequence), faults, { masks: masksIn(sequence), contexts: null });
    if (faults.length) return;
    if (looksLikeDna(sequence.length, NUCLEOTIDES.test(sequence))) this.report.nucleotides += 1;
    if (given) this.names.note(this.report, given, line);
  }
}

/** Returns the fields of a row; "open" if a quotation mark is not closed yet, "wrong" if one is misplaced. */
function split(text: string, separator: string): string[] | "open" | "wrong" {
  if (!text.includes('"')) return text.split(separator);
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let value = "";
      at += 1;
      for (;;) {
        const end = text.indexOf('"', at);
        if (end < 0) return "open";
        value += text.slice(at, end);
        at = end + 1;
        if (text[at] !== '"') break;
        value += '"';
        at += 1;
      }
      fields.push(value);
      if (at >= text.length) return fields;
      if (text[at] !== separator) return "wrong";
    } else {
      const end = text.indexOf(separator, at);
      fields.push(end < 0 ? text.slice(at) : text.slice(at, end));
      if (end < 0) return fields;
      at = end;
    }
    at += 1;
    if (at === text.length) return [...fields, ""];
  }
}
