// A pasted list of variants as the service reads it.

const BEGINNINGS = [">", "{", "["]; // of FASTA and JSON
const COLUMNS = ["variant", "sequence", "name", "mutant"];

/** A list of codes, one a line, as JSONL, each in its own line; FASTA, JSONL and tables as they are. The server does the
 * same with what is sent without scripts (`variants_lines` in jobs/views/asked_variants.py).
 */
export function variantsLines(text: string): string {
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim());
  const first = lines.find((line) => line) ?? "";
  const fields = first.toLowerCase().split(/[,;\t]/);
  if (!first || BEGINNINGS.some((sign) => first.startsWith(sign)) || COLUMNS.some((name) => fields.includes(name))) return text;
  return lines.map((line) => (line ? JSON.stringify({ variant: line }) : "")).join("\n") + "\n";
}
