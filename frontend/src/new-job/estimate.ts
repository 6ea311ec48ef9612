// How large the results will be, before anything is sent: arrays of float32, as they are stored and downloaded.
import type { Report } from "./report";
import type { ModelRules } from "./rules";

const FLOAT = 4;
const LETTERS = 20;

export interface Wanted {
  action: string;
  include: string[];
  layers: number;
  allRows: boolean;
}

/** Bytes of numbers that the job stores; 0 where it is not known. */
export function resultBytes(report: Report, wanted: Wanted, model: ModelRules): number {
  const { records, residues } = report;
  if (wanted.action === "log_prob") return records * FLOAT;
  if (wanted.action === "predict") return wanted.allRows ? residues * LETTERS * FLOAT : 0;
  let bytes = 0;
  if (wanted.include.includes("mean")) bytes += records * wanted.layers * model.width * FLOAT;
  if (wanted.include.includes("per_token")) bytes += residues * wanted.layers * model.width * FLOAT;
  if (wanted.include.includes("logits")) bytes += residues * LETTERS * FLOAT;
  return bytes;
}
