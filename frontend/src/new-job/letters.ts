// One sequence: its residues and the characters that do not belong there. Columns count characters, not UTF-16 units.
import type { Code, Fault, Near } from "./report";

export const KINDS_OF_CHARACTER = 20; // different wrong characters listed for one record, as on the server
const BLANKS = /[ \t]+/g;
const ALL_BLANKS = /[ \t\r\n]+/g;

/** Returns a-z in capitals. Every other character keeps its value and place. */
export function capitals(text: string): string {
  return text.replace(/[a-z]+/g, (small) => small.toUpperCase());
}

export interface Place {
  line: number;
  record: string;
}

/** The accepted letters, prepared for searching text. */
export class Letters {
  readonly allowed: Set<string>;
  private readonly clean: RegExp;

  constructor(readonly letters: string) {
    this.allowed = new Set(letters);
    const escaped = letters.replace(/[\]\\^?-]/g, "\\$&");
    this.clean = new RegExp(`^[${escaped}]*$`);
  }

  /** Returns whether the text has accepted capitals only: a fast test of the usual case. */
  isClean(text: string): boolean {
    return this.clean.test(text);
  }

  /** Returns the kinds of wrong characters in the text, each with its first column (from 1). */
  strange(text: string, accepted: (character: string) => boolean = () => false): Map<string, number> {
    const found = new Map<string, number>();
    let column = 0;
    for (const character of text) {
      column += 1;
      if (!this.allowed.has(character) && !found.has(character) && !accepted(character)) found.set(character, column);
    }
    return found;
  }
}

export function fault(code: Code, place: Place, what: string, column = 0, character = ""): Fault {
  return { code, line: place.line, column, record: place.record, character: character && shown(character), what, near: null };
}

const AROUND = 10; // characters before and after a marked one, as in jobs/parsing/marking.py

/** Returns the surroundings of the character at `position` (from 1) of a text. */
export function near(text: string, position: number): Near | null {
  const from = Math.max(0, position - 1 - AROUND);
  // Characters outside the basic plane are two units, so the end of the slice is far enough.
  const letters = Array.from(text.slice(0, 2 * (position + AROUND)));
  const letter = letters[position - 1];
  if (letter === undefined) return null;
  return [letters.slice(from, position - 1).join(""), letter, letters.slice(position, position + AROUND).join("")];
}

/** The fault of one character that is not accepted. */
export function letterFault(place: Place, character: string, column: number, letters: Letters, inContext = false): Fault {
  let code: Code = "bad_letter";
  if (character === "?") code = inContext ? "mask_in_context" : "mask_not_allowed";
  return fault(code, place, `the character ${quoted(character)} is not accepted${hint(character, letters)}`, column, character);
}

function hint(character: string, letters: Letters): string {
  if (character === "?") return ": only predict reads masked residues, and only in the query";
  if (character === "-" || character === ".") return ": remove the gaps";
  if (character === "*") return ": one may stand at the end of a sequence";
  if (/[A-Z]/.test(character) && letters.letters.replace("?", "").length === 20) return ": 20 canonical residues only";
  return "";
}

/** Returns a character for people: itself if it is visible, otherwise its code point. */
export function shown(character: string): string {
  if (/^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function quoted(character: string): string {
  const text = shown(character);
  return text.startsWith("U+") && text.length > 2 ? text : `“${text}”`;
}

/** Residues of one line of FASTA: capitals without blanks. */
export function residuesOf(line: string): string {
  return capitals(line).replace(BLANKS, "");
}

/** A sequence as one text (JSONL, CSV): capitals, no blanks, without one "*" at its end. */
export function cleaned(text: string): string {
  const sequence = capitals(text).replace(ALL_BLANKS, "");
  return sequence.endsWith("*") ? sequence.slice(0, -1) : sequence;
}

const CODES = "ALA|ARG|ASN|ASP|CYS|GLN|GLU|GLY|HIS|ILE|LEU|LYS|MET|PHE|PRO|SER|THR|TRP|TYR|VAL|TER|SEC|PYL|XAA|ASX|GLX|XLE";
const THREE_LETTERS = new RegExp(`^(?:${CODES}){3}`, "i");

/** Why the service should judge a text that may be written in three letters for each residue; "" if it is not. */
export function doubt(text: string): string {
  return THREE_LETTERS.test(text) ? "residues in three letters" : "";
}

const NUCLEOTIDES_FROM = 10; // residues, as in jobs/parsing/tally.py

/** Returns whether a valid sequence looks like DNA or RNA. */
export function looksLikeDna(residues: number, onlyNucleotides: boolean): boolean {
  return onlyNucleotides && residues >= NUCLEOTIDES_FROM;
}

export const NUCLEOTIDES = /^[ACGTUN]*$/;

/** Counts characters; one outside the basic plane counts once. */
export function characters(text: string): number {
  // eslint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(text) ? text.length : Array.from(text).length;
}
