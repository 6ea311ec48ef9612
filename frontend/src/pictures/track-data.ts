// Annotations of a scan as rows of features over the columns of its pictures.

export interface Feature {
  /** Positions of the sequence, from 1, both included. */
  start: number;
  end: number;
  start_number: string;
  end_number: string;
  name: string;
  kind: string;
}

export interface Annotations {
  results: readonly { item: number; name: string; features: readonly Feature[] }[];
}

export type Shape = "box" | "helix" | "strand";

/** A feature on the columns from `from` to `to`, both included. */
export interface Mark {
  from: number;
  to: number;
  name: string;
  shape: Shape;
  words: string;
}

export interface TrackRow {
  title: string;
  marks: readonly Mark[];
}

/** Returns the first and the last column of a stretch of positions; null if none of them is scanned. */
export function columnsOf(positions: readonly number[], start: number, end: number): { from: number; to: number } | null {
  const columns = [...positions.keys()].filter((column) => {
    const position = positions[column] ?? 0;
    return position >= start && position <= end;
  });
  const [from, to] = [columns[0], columns.at(-1)];
  return from === undefined || to === undefined ? null : { from, to };
}

/** Returns rows in which no two marks overlap, in the order of their columns. */
function stacked(title: string, marks: readonly Mark[]): TrackRow[] {
  const rows: Mark[][] = [];
  for (const mark of [...marks].sort((a, b) => a.from - b.from || b.to - a.to)) {
    const free = rows.find((row) => (row.at(-1)?.to ?? -1) < mark.from);
    if (free) free.push(mark);
    else rows.push([mark]);
  }
  return rows.map((row, at) => ({ title: at ? "" : title, marks: row }));
}

/** Returns a row for each kind of feature, or several if its features overlap. */
export function rowsOf(annotations: Annotations, item: number, positions: readonly number[]): TrackRow[] {
  const kinds = new Map<string, Mark[]>();
  for (const one of annotations.results) {
    if (one.item !== item) continue;
    for (const feature of one.features) {
      const columns = columnsOf(positions, feature.start, feature.end);
      if (!columns) continue;
      const where = feature.start === feature.end ? feature.start_number : `${feature.start_number} to ${feature.end_number}`;
      const words = feature.name === feature.kind ? `${feature.name}, ${where}` : `${feature.name} (${feature.kind}), ${where}`;
      const marks = kinds.get(feature.kind) ?? [];
      marks.push({ ...columns, name: feature.name, shape: "box", words });
      kinds.set(feature.kind, marks);
    }
  }
  return [...kinds].flatMap(([kind, marks]) => stacked(kind, marks));
}

const SHAPES: Readonly<Record<string, Shape>> = { H: "helix", E: "strand" };

/** Returns the row of secondary structure, or null if nothing is known. The letters are those of the residues of a
 * structure, whose `places` are positions of the sequence. */
export function secondaryRow(
  letters: string,
  places: readonly (number | null)[],
  positions: readonly number[],
  names: readonly string[],
): TrackRow | null {
  const at = new Map<number, string>();
  for (const [residue, position] of places.entries()) if (position !== null) at.set(position, letters[residue] ?? "");
  const marks: Mark[] = [];
  for (let column = 0; column < positions.length; column += 1) {
    const shape = SHAPES[at.get(positions[column] ?? 0) ?? ""];
    if (!shape) continue;
    const last = marks.at(-1);
    const joined = last?.to === column - 1 && last.shape === shape && (positions[column] ?? 0) - (positions[column - 1] ?? 0) === 1;
    if (last && joined) last.to = column;
    else marks.push({ from: column, to: column, name: shape, shape, words: "" });
  }
  for (const mark of marks) {
    mark.words = `${mark.shape}, ${names[mark.from] ?? ""} to ${names[mark.to] ?? ""}, of the structure`;
  }
  return marks.length ? { title: "structure", marks } : null;
}
