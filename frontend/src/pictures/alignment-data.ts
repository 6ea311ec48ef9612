// The figures of an alignment as data of the pictures.
import type { Heat } from "./heat";
import { information, shown } from "./numbers";
import type { Track } from "./position-track";
import type { Logo } from "./sequence-logo";

export interface Summary {
  parent: string;
  /** Rows with a residue at each position. */
  depth: number[];
  rows: number;
  /** [bands][positions]: mean identity to the parent, null where most rows of the band have no residue. */
  bands: (number | null)[][];
  band_rows: number[];
  letters: string[];
  /** [positions][letters] */
  frequencies: number[][];
}

const names = (summary: Summary): string[] => Array.from(summary.parent, (_, at) => String(at + 1));

/** Four digits, or thousands, fit beside the picture, whose axis is shared with the others of the page. */
const short = (row: number): string => (row < 10_000 ? String(row) : `${Math.floor(row / 1000)}k`);

/** Returns the picture of coverage: rows by identity, the nearest at the top, coloured by identity. */
export function alignmentHeat(summary: Summary): Heat {
  const columns = summary.parent.length;
  const values = Float32Array.from(summary.bands.flat(), (value) => value ?? NaN);
  let before = 0;
  const firsts = summary.band_rows.map((count) => (before += count) - count + 1);
  const labelled = Math.ceil(summary.bands.length / 6);
  return {
    rows: summary.bands.length,
    columns,
    values,
    rowNames: firsts.map((first, band) => (band % labelled === 0 ? short(first) : "")),
    rowHeight: Math.max(1, Math.min(16, 200 / summary.bands.length)),
    columnNames: names(summary),
    letters: Array.from(summary.parent),
    scale: "sequential",
    limits: { low: 0, high: 1 },
    square: false,
    axes: "Columns: position. Rows: homologs",
    legend: { low: "", high: "identical", note: "Identity to the parent; empty: not covered. Rows by identity, nearest first." },
    mark: () => null,
    describe: (row, column) => {
      const [first, count] = [firsts[row] ?? 0, summary.band_rows[row] ?? 0];
      const which = count > 1 ? `Rows ${first} to ${first + count - 1}` : `Row ${first}`;
      const value = summary.bands[row]?.[column] ?? null;
      const residue = `${summary.parent[column] ?? ""}${column + 1}`;
      return `${which} at ${residue}: ${value === null ? "not covered" : `${shown(100 * value, 1)} % identity`}`;
    },
  };
}

export const alignmentTrack = (summary: Summary): Track => ({
  values: summary.depth,
  names: names(summary),
  title: `Rows with a residue at each position, of ${summary.rows.toLocaleString("en")}`,
  describe: (at) => {
    const covered = (100 * (summary.depth[at] ?? 0)) / summary.rows;
    return `${summary.parent[at] ?? ""}${at + 1}: ${(summary.depth[at] ?? 0).toLocaleString("en")} rows, ${shown(covered, 1)} %; ${shown(information(summary.frequencies[at] ?? []))} bits`;
  },
});

export const alignmentLogo = (summary: Summary): Logo => ({
  letters: summary.letters,
  shares: summary.frequencies,
  names: names(summary),
  wild: Array.from(summary.parent),
});
