// A contact map, alone or with a structure, as data of the heat map.
import { percentile } from "./colours";
import type { Heat } from "./heat";
import { shown } from "./numbers";

export interface Structure {
  /** Pairs of positions from 1. */
  contacts: [number, number][];
  unresolved: number[];
  resolved: number;
}

/** The best pairs at least `separation` apart, as `first * L + second` with first < second; at most `count`. */
export function bestPairs(map: readonly (readonly number[])[], separation: number, count: number, usable: (at: number) => boolean): Set<number> {
  const length = map.length;
  const pairs: [number, number][] = [];
  for (let first = 0; first < length; first += 1) {
    if (!usable(first)) continue;
    for (let second = first + separation; second < length; second += 1) {
      if (usable(second)) pairs.push([map[first]?.[second] ?? 0, first * length + second]);
    }
  }
  pairs.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  return new Set(pairs.slice(0, count).map(([, pair]) => pair));
}

/** Returns the heat map of a contact map. Cells nearer to the diagonal than `separation` are empty.
 * With a structure, the half below the diagonal shows its contacts. The best L pairs are marked: L is the number of
 * residues, or of resolved residues (like `ContactTable.marked` in jobs/science/contacts/tables.py).
 */
export function contactHeat(map: readonly (readonly number[])[], sequence: string, separation: number, structure: Structure | null): Heat {
  const length = map.length;
  const values = new Float32Array(length * length).fill(NaN);
  for (let row = 0; row < length; row += 1) {
    for (let column = 0; column < length; column += 1) {
      if (Math.abs(row - column) < separation || (structure && row > column)) continue;
      values[row * length + column] = map[row]?.[column] ?? NaN;
    }
  }
  const missing = new Set(structure?.unresolved.map((position) => position - 1));
  const touching = new Set(structure?.contacts.map(([first, second]) => (first - 1) * length + second - 1));
  const key = (row: number, column: number) => Math.min(row, column) * length + Math.max(row, column);
  const best = bestPairs(map, separation, structure?.resolved ?? length, (at) => !missing.has(at));
  const inStructure = (row: number, column: number) => {
    if (!structure) return "";
    if (missing.has(row) || missing.has(column)) return "; not resolved in the structure";
    return touching.has(key(row, column)) ? "; a contact in the structure" : "; no contact in the structure";
  };
  return {
    rows: length,
    columns: length,
    values,
    rowNames: [],
    columnNames: Array.from({ length }, (_, at) => String(at + 1)),
    scale: "sequential",
    limits: { low: 0, high: percentile(values, 99.5) || 1 },
    square: true,
    axes: "Both axes: position",
    legend: { low: "", high: "closer", note: "Predicted score, up to its 99.5th percentile" },
    mark: (row, column) => {
      if (column <= row || !best.has(row * length + column)) return null;
      return structure && !touching.has(row * length + column) ? "cross" : "ring";
    },
    special: (row, column) => {
      if (!structure || row - column < separation) return null;
      if (missing.has(row) || missing.has(column)) return "--e1-track";
      return touching.has(key(row, column)) ? "--e1-contact" : null;
    },
    describe: (row, column) => {
      const pair = `${sequence[row] ?? ""}${row + 1} and ${sequence[column] ?? ""}${column + 1}`;
      const score = row === column ? "" : `: score ${shown(map[row]?.[column] ?? NaN, 3)}`;
      return `${pair}${score}, ${Math.abs(row - column)} apart${row === column ? "" : inStructure(row, column)}`;
    },
  };
}
