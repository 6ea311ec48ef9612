// A library, read in the browser before it is sent: the same counts and places of faults as the server finds
// (tests/data/preview-cases.json holds both to it). The server has the last word: it knows rules that this does not.
import { capitals, cleaned, characters, fault, KINDS_OF_CHARACTER, letterFault, Letters, looksLikeDna, NUCLEOTIDES, type Place, residuesOf } from "./letters";
import { count, emptyReport, type Fault, type Report } from "./report";
import type { ItemRules } from "./rules";

/** The format by the file's name, else by its beginning; "" where neither tells. */
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

function masksIn(text: string): number {
  return text.split("?").length - 1;
}

interface LineReader {
  /** One line without its end. */
  take(line: string, number: number): void;
  /** The end of the file. */
  end(): void;
}

/** Takes the text of a file in pieces, cut anywhere. Memory does not grow with the file. */
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
      // Its LF may come with the next piece.
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

class FastaLines implements LineReader {
  private readonly letters: Letters;
  private place: Place | null = null;
  private index = 0;
  private residues = 0;
  private masks = 0;
  private nucleotides = true;
  private star: { line: number; column: number } | null = null;
  private strange = new Map<string, { line: number; column: number }>();

  constructor(
    private readonly report: Report,
    private readonly rules: ItemRules,
  ) {
    this.letters = new Letters(rules.letters);
  }

  take(line: string, number: number): void {
    if (line.startsWith(">")) {
      this.close();
      this.open(line, number);
    } else if (this.place) {
      this.sequence(line, number);
    } else if (line.trim()) {
      this.report.broken = `Line ${number}: FASTA begins with “>”. Put a line “>name” before each sequence.`;
    }
  }

  end(): void {
    this.close();
  }

  private open(line: string, number: number): void {
    const header = line.slice(1).replace(/^[ \t]+|[ \t]+$/g, "");
    const name = header.split(/[ \t]/, 1)[0] ?? "";
    this.index += 1;
    this.place = { line: number, record: name === "" ? `record_${this.index}` : name };
    this.residues = 0;
    this.masks = 0;
    this.nucleotides = true;
    this.star = null;
    this.strange.clear();
  }

  private sequence(line: string, number: number): void {
    if (!this.star && this.letters.isClean(line)) {
      this.residues += line.length;
      this.nucleotides &&= NUCLEOTIDES.test(line);
      if (this.rules.needsMask) this.masks += masksIn(line);
      return;
    }
    const residues = residuesOf(line);
    if (!residues) return;
    if (this.star) {
      this.note("*", this.star);
      this.residues += 1;
      this.star = null;
    }
    let text = line;
    let length = characters(residues);
    if (residues.endsWith("*")) {
      const at = text.lastIndexOf("*");
      this.star = { line: number, column: characters(text.slice(0, at)) + 1 };
      text = text.slice(0, at);
      length -= 1;
    }
    this.residues += length;
    this.nucleotides &&= NUCLEOTIDES.test(text.replace(/[ \t]/g, "").toUpperCase());
    this.masks += masksIn(text);
    for (const [character, column] of this.letters.strange(capitals(text), (c) => c === " " || c === "\t")) {
      this.note(character, { line: number, column });
    }
  }

  private note(character: string, at: { line: number; column: number }): void {
    if (!this.strange.has(character) && this.strange.size < KINDS_OF_CHARACTER) this.strange.set(character, at);
  }

  private close(): void {
    if (!this.place) return;
    const faults: Fault[] = [];
    for (const [character, at] of this.strange) {
      faults.push(letterFault({ line: at.line, record: this.place.record }, character, at.column, this.letters));
    }
    faults.push(...sizeFaults(this.residues, this.masks > 0, this.rules, this.place));
    count(this.report, this.residues, faults, { masks: this.masks, contexts: null });
    if (!faults.length && looksLikeDna(this.residues, this.nucleotides)) this.report.nucleotides += 1;
  }
}

class JsonLines implements LineReader {
  private readonly item: Items;
  private index = 0;

  constructor(
    private readonly report: Report,
    rules: ItemRules,
  ) {
    this.item = new Items(report, rules);
  }

  take(line: string, number: number): void {
    if (!line.trim()) return;
    this.index += 1;
    const place = { line: number, record: `record_${this.index}` };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      count(this.report, 0, [fault("bad_json", place, "this is no JSON object")]);
      return;
    }
    if (this.index === 1 && Array.isArray(value)) {
      this.report.broken = "The file is one JSON array. JSONL has one object on each line.";
      return;
    }
    this.item.take(value, place);
  }

  end(): void {
    // Every line stands for itself.
  }
}

const FIELDS = ["sequence", "context_sequences", "name"];

/** Items as JSON has them. */
class Items {
  private readonly letters: Letters;
  private readonly contextLetters: Letters;

  constructor(
    private readonly report: Report,
    private readonly rules: ItemRules,
  ) {
    this.letters = new Letters(rules.letters);
    this.contextLetters = new Letters(rules.contextLetters);
  }

  take(value: unknown, where: Place): void {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      count(this.report, 0, [fault("wrong_type", where, 'an item is an object such as {"sequence": "MKT"}')]);
      return;
    }
    const item = value as Record<string, unknown>;
    const named = typeof item.name === "string" && item.name.trim() ? item.name : "";
    const place = { line: where.line, record: named || where.record };
    const faults: Fault[] = Object.keys(item)
      .filter((field) => !FIELDS.includes(field))
      .map((field) => fault("unknown_field", place, `there is no field “${field}” in an item`));
    const contexts = item.context_sequences ?? [];
    if (item.sequence === undefined) faults.push(fault("missing_field", place, "the item has no sequence"));
    else if (typeof item.sequence !== "string") faults.push(fault("wrong_type", place, "the sequence is no text"));
    if (!Array.isArray(contexts)) {
      faults.push(fault("wrong_type", place, "context_sequences is no list"));
    } else {
      const wrong = contexts.filter((one) => typeof one !== "string").length;
      for (let each = 0; each < wrong; each += 1) faults.push(fault("wrong_type", place, "a context is no text"));
    }
    if (item.name !== undefined && item.name !== null && typeof item.name !== "string") {
      faults.push(fault("wrong_type", place, "the name is no text"));
    }
    if (faults.length) {
      count(this.report, 0, faults);
      return;
    }
    const sequence = cleaned(item.sequence as string);
    if (item.context_sequences) this.report.withContext += 1;
    faults.push(...textFaults(sequence, this.letters, place));
    const own = (contexts as string[]).map(cleaned);
    faults.push(...this.contexts(own, place));
    faults.push(...sizeFaults(characters(sequence), sequence.includes("?"), this.rules, place));
    count(this.report, characters(sequence), faults, {
      masks: masksIn(sequence),
      contexts: item.context_sequences == null ? null : own,
    });
    if (!faults.length && looksLikeDna(sequence.length, NUCLEOTIDES.test(sequence))) this.report.nucleotides += 1;
  }

  private contexts(contexts: string[], place: Place): Fault[] {
    if (contexts.length > this.rules.maxContexts) {
      const what = `there are ${contexts.length} context sequences, and the limit is ${this.rules.maxContexts}`;
      return [fault("too_many_contexts", place, what)];
    }
    return contexts.flatMap((context) => {
      const faults = textFaults(context, this.contextLetters, place, true);
      if (!context) faults.unshift(fault("empty_context", place, "a context sequence has no residues"));
      if (characters(context) > this.rules.maxResidues) faults.push(tooLong(characters(context), this.rules, place));
      return faults;
    });
  }
}

/** One sequence on one line: several may be one that is wrapped, or one a line. */
class PlainLines implements LineReader {
  private readonly item: Items;
  private first: { text: string; line: number } | null = null;

  constructor(
    private readonly report: Report,
    rules: ItemRules,
  ) {
    this.item = new Items(report, rules);
  }

  take(line: string, number: number): void {
    if (!line.trim()) return;
    if (this.first) {
      const what = "without names it cannot be told whether these lines are one sequence or several";
      this.report.broken = `Line ${number}: ${what}. Put a line “>name” before each sequence.`;
    }
    this.first ??= { text: line.trim(), line: number };
  }

  end(): void {
    if (this.first) this.item.take({ sequence: this.first.text }, { line: this.first.line, record: "record_1" });
  }
}

/** CSV with quotes, separated by comma, semicolon or tab, with a header line. */
class TableLines implements LineReader {
  private readonly letters: Letters;
  private separator = "";
  private width = 0;
  private sequenceAt = 0;
  private nameAt = -1;
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
    this.sequenceAt = best.columns.indexOf("sequence");
    this.nameAt = best.columns.indexOf("name");
  }

  private row(fields: string[], line: number): void {
    this.index += 1;
    const given = this.nameAt >= 0 ? (fields[this.nameAt] ?? "").trim() : "";
    const place = { line, record: given || `record_${this.index}` };
    const needed = Math.max(this.sequenceAt, this.nameAt, 0) + 1;
    if (fields.length < needed || fields.slice(this.width).some(Boolean)) {
      const what = `the row has ${fields.length} fields, and the header ${this.width}`;
      count(this.report, 0, [fault("wrong_field_count", place, what)]);
      return;
    }
    const sequence = cleaned(fields[this.sequenceAt] ?? "");
    const faults = textFaults(sequence, this.letters, place);
    faults.push(...sizeFaults(characters(sequence), sequence.includes("?"), this.rules, place));
    count(this.report, characters(sequence), faults, { masks: masksIn(sequence), contexts: null });
    if (!faults.length && looksLikeDna(sequence.length, NUCLEOTIDES.test(sequence))) this.report.nucleotides += 1;
  }
}

/** The fields of one row; "open" where a quotation mark waits for its end, "wrong" where one stands wrongly. */
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

/** The wrong characters of a sequence that is one text: the place is its position in the sequence. */
function textFaults(sequence: string, letters: Letters, place: Place, inContext = false): Fault[] {
  if (letters.isClean(sequence)) return [];
  return [...letters.strange(sequence)].slice(0, KINDS_OF_CHARACTER).map(([character, position]) => {
    const found = letterFault(place, character, 0, letters, inContext);
    return { ...found, what: `position ${position.toLocaleString("en")}: ${found.what}` };
  });
}

function sizeFaults(residues: number, masked: boolean, rules: ItemRules, place: Place): Fault[] {
  if (!residues) return [fault("empty_sequence", place, "there are no residues")];
  const faults: Fault[] = [];
  if (rules.needsMask && !masked) {
    faults.push(fault("no_mask", place, "no residue is masked: write “?” at each position to predict"));
  }
  if (residues > rules.maxResidues) faults.push(tooLong(residues, rules, place));
  return faults;
}

function tooLong(residues: number, rules: ItemRules, place: Place): Fault {
  const limit = rules.maxResidues.toLocaleString("en");
  const what = `the sequence has ${residues.toLocaleString("en")} residues, and the limit is ${limit}`;
  return fault("sequence_too_long", place, what);
}
