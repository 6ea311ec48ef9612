// What the points of a map may be coloured by.
import { type Colouring, byCategory, byNumber } from "./colours";
import type { Points } from "./points";

/** An uploaded column; its values go by item index. */
export interface ColumnFile {
  name: string;
  kind: "numeric" | "categorical";
  categories: string[];
  values: (number | null)[];
}

/** Returns the colouring by "cluster" or "residues"; null if the map has no clusters. */
export function ownColouring(points: Points, what: string): Colouring | null {
  if (what === "residues") return byNumber("residues", points.residues);
  if (!points.cluster) return null;
  const count = points.cluster.reduce((most, number) => Math.max(most, number), -1) + 1;
  const names = Array.from({ length: count }, (_, number) => `cluster ${number}`);
  return byCategory("Clusters", points.cluster, names, "in no cluster");
}

export function columnColouring(points: Points, column: ColumnFile): Colouring {
  const values = Array.from(points.index, (item) => column.values[item] ?? null);
  if (column.kind === "numeric") {
    return byNumber(column.name, values.map((value) => value ?? NaN));
  }
  return byCategory(column.name, Int32Array.from(values, (value) => value ?? -1), column.categories, `no ${column.name}`);
}
