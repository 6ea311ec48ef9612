// FASTA, line by line.
import { type LineReader, masksIn, sizeFaults } from "./checks";
import { capitals, characters, doubt, fault, KINDS_OF_CHARACTER, letterFault, Letters, looksLikeDna, near, NUCLEOTIDES, type Place, residuesOf } from "./letters";
import { Names } from "./names";
import { count, type Fault, type Near, type Report } from "./report";
import type { ItemRules } from "./rules";

interface Spot {
  line: number;
  column: number;
  near: Near | null;
}

export class FastaLines implements LineReader {
  private readonly letters: Letters;
  private place: Place | null = null;
  private readonly names = new Names();
  private named = false;
  private index = 0;
  private residues = 0;
  private masks = 0;
  private nucleotides = true;
  private star: Spot | null = null;
  private strange = new Map<string, Spot>();
  private broken: Fault[] = [];

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
      this.lines(line, number);
    } else if (line.trim()) {
      this.report.broken = `Line ${number}: FASTA begins with “>”. Put a line “>name” before each sequence.`;
    }
  }

  end(): void {
    this.close();
  }

  /** A header inside a line ends one record and begins another; a line end is missing, so neither is good. */
  private lines(line: string, number: number): void {
    const at = line.indexOf(">");
    if (at < 0) {
      this.sequence(line, number);
      return;
    }
    const column = characters(line.slice(0, at)) + 1;
    this.sequence(line.slice(0, at), number);
    this.breakAt(number, column, "another header begins inside this line: put a line end before it, and no blanks");
    this.close();
    this.open(line.slice(at), number);
    this.breakAt(number, column, "the header does not begin its line: put a line end before it, and no blanks");
  }

  private breakAt(line: number, column: number, what: string): void {
    if (this.place) this.broken.push(fault("header_in_line", { line, record: this.place.record }, what, column, ">"));
  }

  private open(line: string, number: number): void {
    const header = line.slice(1).replace(/^[ \t]+|[ \t]+$/g, "");
    const name = header.split(/[ \t]/, 1)[0] ?? "";
    this.index += 1;
    this.named = name !== "";
    this.place = { line: number, record: name === "" ? `record_${this.index}` : name };
    this.residues = 0;
    this.masks = 0;
    this.nucleotides = true;
    this.star = null;
    this.strange.clear();
    this.broken = [];
  }

  private sequence(line: string, number: number): void {
    // Words or residues: the service judges by more than this line.
    if (/\S[ \t]+\S/.test(line)) this.report.unsure ||= "blanks inside its lines";
    if (!this.residues) this.report.unsure ||= doubt(line.replace(/-/g, ""));
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
      const column = characters(text.slice(0, at)) + 1;
      this.star = { line: number, column, near: near(text, column) };
      text = text.slice(0, at);
      length -= 1;
    }
    this.residues += length;
    this.nucleotides &&= NUCLEOTIDES.test(text.replace(/[ \t]/g, "").toUpperCase());
    this.masks += masksIn(text);
    for (const [character, column] of this.letters.strange(capitals(text), (c) => c === " " || c === "\t")) {
      if (!this.strange.has(character)) this.note(character, { line: number, column, near: near(capitals(text), column) });
    }
  }

  private note(character: string, at: Spot): void {
    if (!this.strange.has(character) && this.strange.size < KINDS_OF_CHARACTER) this.strange.set(character, at);
  }

  private close(): void {
    if (!this.place) return;
    const faults: Fault[] = [...this.broken];
    for (const [character, at] of this.strange) {
      const found = letterFault({ line: at.line, record: this.place.record }, character, at.column, this.letters);
      faults.push({ ...found, near: at.near });
    }
    if (!this.broken.length) faults.push(...sizeFaults(this.residues, this.masks > 0, this.rules, this.place));
    count(this.report, this.residues, faults, { masks: this.masks, contexts: null });
    if (faults.length) return;
    if (looksLikeDna(this.residues, this.nucleotides)) this.report.nucleotides += 1;
    if (this.named) this.names.note(this.report, this.place.record, this.place.line);
  }
}
