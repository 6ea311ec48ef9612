// The comparison of two runs as data of the heat map.
import { symmetric } from "./colours";
import type { Heat } from "./heat";
import { shown } from "./numbers";
import { RESIDUE_ORDER } from "./scan-data";

export interface Compared {
  parent: string;
  /** Counted from 1. */
  positions: number[];
  numbers: string[];
  vocab_tokens: string[];
  /** [positions][20], second minus first; null where one of them is missing. */
  differences: (number | null)[][];
  variants: { variant: string; first: number; second: number; difference: number }[];
}

/** Returns the differences as a heat map: blue where the second run scores higher. */
export function differenceHeat(body: Compared): Heat {
  const tokens = RESIDUE_ORDER.map((letter) => body.vocab_tokens.indexOf(letter));
  const columns = body.positions.length;
  const value = (row: number, column: number) => body.differences[column]?.[tokens[row] ?? -1] ?? NaN;
  const values = new Float32Array(RESIDUE_ORDER.length * columns);
  for (let row = 0; row < RESIDUE_ORDER.length; row += 1) {
    for (let column = 0; column < columns; column += 1) values[row * columns + column] = value(row, column);
  }
  const wild = body.positions.map((position) => body.parent[position - 1] ?? "");
  return {
    rows: RESIDUE_ORDER.length,
    columns,
    values,
    rowNames: RESIDUE_ORDER,
    columnNames: body.numbers,
    letters: wild,
    scale: "diverging",
    limits: symmetric(values),
    square: false,
    axes: "Columns: residue number. Rows: new residue",
    legend: {
      low: "lower in the second",
      high: "higher in the second",
      note: "Second score minus first. Limits: 98th percentile. Dot: wild type.",
    },
    mark: (row, column) => (wild[column] === RESIDUE_ORDER[row] ? "dot" : null),
    describe: (row, column) => {
      const code = `${wild[column] ?? ""}${body.numbers[column] ?? ""}${RESIDUE_ORDER[row] ?? ""}`;
      if (wild[column] === RESIDUE_ORDER[row]) return `${code}, the wild type`;
      const difference = value(row, column);
      return Number.isNaN(difference) ? `${code}: not in both runs` : `${code}: difference ${shown(difference, 3)}`;
    },
  };
}
