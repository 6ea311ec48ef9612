// Checks of a sequence, for every format.
import { fault, KINDS_OF_CHARACTER, letterFault, type Letters, near, type Place } from "./letters";
import type { Fault } from "./report";
import type { ItemRules } from "./rules";

export interface LineReader {
  /** One line without its end. */
  take(line: string, number: number): void;
  /** The end of the file. */
  end(): void;
}

export function masksIn(text: string): number {
  return text.split("?").length - 1;
}

/** Returns the wrong characters of a sequence in one text. The place is the position in the sequence. */
export function textFaults(sequence: string, letters: Letters, place: Place, inContext = false): Fault[] {
  if (letters.isClean(sequence)) return [];
  return [...letters.strange(sequence)].slice(0, KINDS_OF_CHARACTER).map(([character, position]) => {
    const found = letterFault(place, character, 0, letters, inContext);
    return { ...found, near: inContext ? null : near(sequence, position), what: `position ${position.toLocaleString("en")}: ${found.what}` };
  });
}

export function sizeFaults(residues: number, masked: boolean, rules: ItemRules, place: Place): Fault[] {
  if (!residues) return [fault("empty_sequence", place, "there are no residues")];
  const faults: Fault[] = [];
  if (rules.needsMask && !masked) {
    faults.push(fault("no_mask", place, "no residue is masked: write “?” at each position to predict"));
  }
  if (residues > rules.maxResidues) faults.push(tooLong(residues, rules, place));
  return faults;
}

export function tooLong(residues: number, rules: ItemRules, place: Place): Fault {
  const limit = rules.maxResidues.toLocaleString("en");
  const what = `the sequence has ${residues.toLocaleString("en")} residues, and the limit is ${limit}`;
  return fault("sequence_too_long", place, what);
}
