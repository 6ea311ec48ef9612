// What a heat map shows, and the sizes of its parts.
import type { Limits, Scale } from "./colours";

export type Shape = "dot" | "ring" | "cross";

export interface Heat {
  rows: number;
  columns: number;
  /** Row by row; NaN for a missing number. */
  values: Float32Array;
  rowNames: readonly string[];
  /** The label of a column, and of a row if `square`: a number, with an insertion letter for some residues. */
  columnNames: readonly string[];
  scale: Scale;
  limits: Limits;
  /** Both axes are positions: cells are squares, and zooming holds both. */
  square: boolean;
  /** What columns and rows are. */
  axes: string;
  legend: { low: string; high: string; note: string };
  /** A sign on a cell, so that colour alone carries no meaning. */
  mark: (row: number, column: number) => Shape | null;
  /** A colour of its own instead of the scale's: the name of a CSS variable. */
  special?: (row: number, column: number) => string | null;
  describe: (row: number, column: number) => string;
  /** Height of a row in pixels, unless it is ROW. */
  rowHeight?: number;
  /** Whether a cell may be picked; without it none may. */
  pickable?: (row: number, column: number) => boolean;
  /** A letter for each column, such as the residue of the sequence, drawn under the cells. */
  letters?: readonly string[];
}

export interface Cell {
  row: number;
  column: number;
}

export const LEFT = 34;
export const RIGHT = 8;
export const TOP = 12;
export const AXIS = 42;
export const ROW = 16;
