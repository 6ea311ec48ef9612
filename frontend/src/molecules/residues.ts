// The chain of a structure as the service describes it, and what colours its residues.
import { colourAt, css, type Limits, percentile, type Rgb, type Scale, stops } from "../pictures/colours";
import { shown } from "../pictures/numbers";

export interface Drawn {
  /** PDB text: the protein is chain A with residues from 1, small molecules are chain L. */
  pdb: string;
  /** The position in the sequence of each residue, from 1; null for one that the sequence does not have. */
  positions: (number | null)[];
  /** The residues' numbers in the file. */
  numbers: string[];
  letters: string;
  /** H, E or - for each residue; empty if nothing is known. */
  secondary: string;
}

/** One choice of colours: a number for each position of the sequence, from index 0; NaN for none. */
export interface Colouring {
  title: string;
  values: readonly number[];
  scale: Scale;
  digits: number;
}

export const CHAIN = "A";
export const LIGANDS = "L";

/** A residue without a number, in both themes. */
export const NONE: Rgb = [150, 150, 150];

/** Returns the limits of the numbers that there are. Means of scores often have one sign: about zero, all would look alike. */
export function limitsOf({ values }: Colouring): Limits {
  const [low, high] = [percentile(values, 1), percentile(values, 99)];
  return { low, high: high > low ? high : low + 1 };
}

const packed = ([red, green, blue]: Rgb): number => (red << 16) | (green << 8) | blue;

/** Returns the stops of a scale. On a dark ground those that are hardly seen in shade are left out. */
const visible = (scale: Scale, dark: boolean): readonly Rgb[] => stops(scale, dark).slice(dark && scale === "sequential" ? 2 : 0);

/** Returns a function from a residue of the drawing, counted from 1, to its colour as 0xrrggbb. */
export function colouring(drawn: Drawn, chosen: Colouring, dark: boolean): (residue: number) => number {
  const { low, high } = limitsOf(chosen);
  const colours = visible(chosen.scale, dark);
  return (residue) => {
    const position = drawn.positions[residue - 1] ?? null;
    const value = position === null ? NaN : (chosen.values[position - 1] ?? NaN);
    return packed(Number.isFinite(value) ? colourAt(colours, (value - low) / (high - low)) : NONE);
  };
}

export interface Legend {
  low: string;
  high: string;
  /** A value of `background`. */
  gradient: string;
}

export function legendOf(chosen: Colouring, dark: boolean): Legend {
  const { low, high } = limitsOf(chosen);
  const better = chosen.scale === "diverging";
  return {
    low: shown(low, chosen.digits) + (better ? " worse" : ""),
    high: (better ? "better " : "") + shown(high, chosen.digits),
    gradient: `linear-gradient(to right, ${visible(chosen.scale, dark).map(css).join(", ")})`,
  };
}

/** Returns the residue of the drawing at a position of the sequence, both from 1; null if it is not resolved. */
export function residueAt(drawn: Drawn, position: number): number | null {
  const at = drawn.positions.indexOf(position);
  return at < 0 ? null : at + 1;
}

/** Returns the position nearest to `from` in this direction that is resolved; null at the end. */
export function nextPosition(drawn: Drawn, from: number | null, step: 1 | -1): number | null {
  const known = drawn.positions.filter((position): position is number => position !== null);
  if (from === null) return (step > 0 ? known[0] : known.at(-1)) ?? null;
  return (step > 0 ? known.find((one) => one > from) : known.filter((one) => one < from).at(-1)) ?? null;
}

const STRUCTURES: Readonly<Record<string, string>> = { H: ", helix", E: ", strand", "-": ", coil" };

/** Describes a residue of the drawing in words. `names` are the labels of the positions of the sequence. */
export function described(drawn: Drawn, residue: number, names: readonly string[], chosen: Colouring | null): string {
  const at = residue - 1;
  const position = drawn.positions[at] ?? null;
  const letter = drawn.letters[at] ?? "";
  const author = drawn.numbers[at] ?? "";
  const structure = STRUCTURES[drawn.secondary[at] ?? ""] ?? "";
  if (position === null) return `${letter}${author} of the structure, which the sequence does not have${structure}`;
  const name = names[position - 1] ?? String(position);
  const value = chosen?.values[position - 1] ?? NaN;
  const number = chosen && Number.isFinite(value) ? `: ${chosen.title.toLowerCase()} ${shown(value, chosen.digits)}` : "";
  return `${letter}${name}${number}${structure}${author === name ? "" : `; ${author} in the structure`}`;
}

/** Returns the letters of secondary structure that 3Dmol.js draws: h, s and c. */
export const drawnAs = (letter: string | undefined): "h" | "s" | "c" => (letter === "H" ? "h" : letter === "E" ? "s" : "c");
