// The result of a scan as data of the pictures.
import { symmetric } from "./colours";
import type { Heat } from "./heat";
import { meanWithout, probabilities, shown } from "./numbers";
import type { Track } from "./position-track";
import type { Logo } from "./sequence-logo";

export interface Scan {
  /** [positions][20]: log p(mutant) - log p(wild type). */
  scores: number[][];
  spread: number[][];
  positions: number[];
  vocab_tokens: string[];
}

/** Rows of the heat map: similar residues are neighbours. */
export const RESIDUE_ORDER = Array.from("GAVLIMCFYWHKRDENQSTP");

const wildAt = (sequence: string, position: number): string => sequence[position - 1] ?? "";

export function heatOf(scan: Scan, sequence: string): Heat {
  const columnOf = RESIDUE_ORDER.map((letter) => scan.vocab_tokens.indexOf(letter));
  const columns = scan.positions.length;
  const values = new Float32Array(RESIDUE_ORDER.length * columns).fill(NaN);
  for (const [row, token] of columnOf.entries()) {
    for (let column = 0; column < columns; column += 1) values[row * columns + column] = scan.scores[column]?.[token] ?? NaN;
  }
  const limits = symmetric(values);
  const several = scan.spread.some((row) => row.some((value) => value > 0));
  const shares = scan.scores.map(probabilities);
  return {
    rows: RESIDUE_ORDER.length,
    columns,
    values,
    rowNames: RESIDUE_ORDER,
    columnNumbers: scan.positions,
    scale: "diverging",
    limits,
    square: false,
    legend: {
      low: "worse",
      high: "better",
      note: "Red: worse than the residue that is there; blue: better. Limits: 98th percentile. Dot: wild type.",
    },
    mark: (row, column) => (wildAt(sequence, scan.positions[column] ?? 0) === RESIDUE_ORDER[row] ? "dot" : null),
    describe: (row, column) => {
      const position = scan.positions[column] ?? 0;
      const wild = wildAt(sequence, position);
      const letter = RESIDUE_ORDER[row] ?? "";
      const token = columnOf[row] ?? 0;
      const share = `probability ${shown(shares[column]?.[token] ?? NaN, 3)}`;
      if (letter === wild) return `${wild}${position}, the wild type: ${share}`;
      const spread = several ? ` ± ${shown(scan.spread[column]?.[token] ?? NaN)}` : "";
      return `${wild}${position}${letter}: score ${shown(scan.scores[column]?.[token] ?? NaN, 3)}${spread}, ${share}`;
    },
  };
}

export function trackOf(scan: Scan, sequence: string): Track {
  const wild = scan.positions.map((position) => scan.vocab_tokens.indexOf(wildAt(sequence, position)));
  const values = scan.scores.map((row, at) => meanWithout(row, wild[at] ?? -1));
  return {
    values,
    numbers: scan.positions,
    title: "Mean score of the substitutions at a position",
    describe: (at) => {
      const position = scan.positions[at] ?? 0;
      return `${wildAt(sequence, position)}${position}: mean score ${shown(values[at] ?? NaN, 3)}`;
    },
  };
}

export const logoOf = (scan: Scan, sequence: string): Logo => ({
  letters: scan.vocab_tokens,
  shares: scan.scores.map(probabilities),
  numbers: scan.positions,
  wild: scan.positions.map((position) => wildAt(sequence, position)),
});
