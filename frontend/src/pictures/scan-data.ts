// The result of a scan as data of the pictures.
import { type Limits, percentile, type Scale, symmetric } from "./colours";
import type { Cell, Heat } from "./heat";
import { meanWithout, probabilities, shown } from "./numbers";
import type { Track } from "./position-track";
import type { Logo } from "./sequence-logo";

export interface Scan {
  /** [positions][20]: log p(mutant) - log p(wild type). */
  scores: number[][];
  spread: number[][];
  /** Counted from 1 along the sequence. */
  positions: number[];
  /** The labels of the residues in the numbering of the job. */
  numbers: string[];
  vocab_tokens: string[];
}

/** Rows of the heat map: similar residues are neighbours. */
export const RESIDUE_ORDER = Array.from("GAVLIMCFYWHKRDENQSTP");

/** Returns the position, for labels that differ from it. */
const positionBeside = (scan: Scan, column: number): string => {
  const position = String(scan.positions[column] ?? "");
  return scan.numbers[column] === position ? "" : `, position ${position}`;
};

/** What the heat map can show, [positions][20] each by name: `score`, `percentile`, `profile`, `blosum62`, `measured`. */
export interface Layers {
  matrices: Readonly<Record<string, readonly (readonly (number | null)[])[]>>;
}

/** Names and decimals of the numbers beside a score, in the order in which they are said. */
const BESIDE: readonly (readonly [string, string, number])[] = [
  ["percentile", "percentile", 1],
  ["profile", "profile", 2],
  ["blosum62", "BLOSUM62", 0],
  ["measured", "measured", 3],
];

const wildAt = (sequence: string, position: number): string => sequence[position - 1] ?? "";

interface Style {
  scale: Scale;
  limits: Limits;
  legend: { low: string; high: string; note: string };
}

const better = (note: string) => ({ low: "worse", high: "better", note });

/** Returns the colours of a layer with these values. */
function styleOf(layer: string, values: Float32Array): Style {
  switch (layer) {
    case "percentile":
      return { scale: "diverging", limits: { low: 0, high: 100 }, legend: better("Percentile among all substitutions. Dot: wild type.") };
    case "profile":
    case "blosum62": {
      const what = layer === "profile" ? "Profile of the alignment, in nats." : "BLOSUM62.";
      return { scale: "diverging", limits: symmetric(values), legend: better(`${what} Limits: 98th percentile. Dot: wild type.`) };
    }
    case "measured": {
      const [low, high] = [percentile(values, 1), percentile(values, 99)];
      const note = "Measured values, from the 1st to the 99th percentile. Empty: not measured. Dot: wild type.";
      return { scale: "sequential", limits: { low, high: high > low ? high : low + 1 }, legend: { low: "low", high: "high", note } };
    }
    default: {
      const note = "Red: worse than the residue that is there; blue: better. Limits: 98th percentile. Dot: wild type.";
      return { scale: "diverging", limits: symmetric(values), legend: better(note) };
    }
  }
}

/** Returns the numbers beside a score in words, each after a comma. */
function besideWords(layers: Layers | null, column: number, token: number): string {
  if (!layers) return "";
  return BESIDE.map(([name, title, digits]) => {
    const value = layers.matrices[name]?.[column]?.[token];
    return typeof value === "number" ? `, ${title} ${shown(value, digits)}` : "";
  }).join("");
}

/** Returns the heat map of a scan. It shows the scores, or a layer by its name. */
export function heatOf(scan: Scan, sequence: string, layers: Layers | null = null, layer = "score"): Heat {
  const matrix = layers?.matrices[layer] ?? scan.scores;
  const columnOf = RESIDUE_ORDER.map((letter) => scan.vocab_tokens.indexOf(letter));
  const columns = scan.positions.length;
  const values = new Float32Array(RESIDUE_ORDER.length * columns).fill(NaN);
  for (const [row, token] of columnOf.entries()) {
    for (let column = 0; column < columns; column += 1) values[row * columns + column] = matrix[column]?.[token] ?? NaN;
  }
  const style = styleOf(layers?.matrices[layer] ? layer : "score", values);
  const several = scan.spread.some((row) => row.some((value) => value > 0));
  const shares = scan.scores.map(probabilities);
  return {
    rows: RESIDUE_ORDER.length,
    columns,
    values,
    rowNames: RESIDUE_ORDER,
    columnNames: scan.numbers,
    letters: scan.positions.map((position) => wildAt(sequence, position)),
    pickable: (row, column) => wildAt(sequence, scan.positions[column] ?? 0) !== RESIDUE_ORDER[row],
    ...style,
    square: false,
    axes: "Columns: residue number. Rows: new residue",
    mark: (row, column) => (wildAt(sequence, scan.positions[column] ?? 0) === RESIDUE_ORDER[row] ? "dot" : null),
    describe: (row, column) => {
      const number = scan.numbers[column] ?? "";
      const wild = wildAt(sequence, scan.positions[column] ?? 0);
      const letter = RESIDUE_ORDER[row] ?? "";
      const token = columnOf[row] ?? 0;
      const share = `probability ${shown(shares[column]?.[token] ?? NaN, 3)}${positionBeside(scan, column)}`;
      if (letter === wild) return `${wild}${number}, the wild type: ${share}`;
      const spread = several ? ` ± ${shown(scan.spread[column]?.[token] ?? NaN)}` : "";
      return `${wild}${number}${letter}: score ${shown(scan.scores[column]?.[token] ?? NaN, 3)}${spread}${besideWords(layers, column, token)}, ${share}`;
    },
  };
}

/** Returns the mean score of the substitutions at each scanned position. */
export function meansOf(scan: Scan, sequence: string): number[] {
  const wild = scan.positions.map((position) => scan.vocab_tokens.indexOf(wildAt(sequence, position)));
  return scan.scores.map((row, at) => meanWithout(row, wild[at] ?? -1));
}

/** Returns a number for each residue of the sequence; NaN for those that are not scanned. */
export function spreadOut(values: readonly number[], positions: readonly number[], length: number): number[] {
  const found = new Array<number>(length).fill(NaN);
  for (const [at, position] of positions.entries()) found[position - 1] = values[at] ?? NaN;
  return found;
}

export function trackOf(scan: Scan, sequence: string): Track {
  const values = meansOf(scan, sequence);
  return {
    values,
    names: scan.numbers,
    title: "Mean score of the substitutions at a position",
    describe: (at) => {
      const residue = `${wildAt(sequence, scan.positions[at] ?? 0)}${scan.numbers[at] ?? ""}`;
      return `${residue}: mean score ${shown(values[at] ?? NaN, 3)}${positionBeside(scan, at)}`;
    },
  };
}

export const logoOf = (scan: Scan, sequence: string): Logo => ({
  letters: scan.vocab_tokens,
  shares: scan.scores.map(probabilities),
  names: scan.numbers,
  wild: scan.positions.map((position) => wildAt(sequence, position)),
});

/** Returns the cells of substitutions written as position and mutant, such as `24T`; others are left out. */
export function cellsOf(words: readonly string[], positions: readonly number[]): Cell[] {
  return words.flatMap((word) => {
    const [row, column] = [RESIDUE_ORDER.indexOf(word.slice(-1)), positions.indexOf(Number(word.slice(0, -1)))];
    return row < 0 || column < 0 ? [] : [{ row, column }];
  });
}

/** Returns cells as a basket names them. */
export const wordsOf = (cells: readonly Cell[], positions: readonly number[]): string[] =>
  cells.map(({ row, column }) => `${positions[column] ?? 0}${RESIDUE_ORDER[row] ?? ""}`);
