// What the page says of a library that it does not show, or not yet.
import { bytesText } from "./preview";

/** Why the service did not read the library: it was busy, with the seconds until it is asked again, or gave no answer. */
export type Missing = { why: "busy"; seconds: number } | { why: "silent" };

/** A library that only the service reads. `name` is empty for pasted text. */
export interface Source {
  name: string;
  bytes: number;
}

const KINDS: [RegExp, string][] = [
  [/\.xls[xm]$/i, "an Excel workbook"],
  [/\.(gz|gzip|bgz)$/i, "a gzip file"],
  [/\.(a2m|a3m|sto|stk|stockholm|aln|clustal|clw)$/i, "an alignment"],
  [/\.(gb|gp|gpff|gbk|genpept)$/i, "a GenPept file"],
  [/\.(csv|tsv|tab)$/i, "a table"],
];

/** Returns what a library is, with its size, such as "a.xlsx, an Excel workbook of 1.2 MB". */
export function what({ name, bytes }: Source): string {
  if (!name) return `The pasted text (${bytesText(bytes)})`;
  const kind = KINDS.find(([ending]) => ending.test(name))?.[1] ?? "a file";
  return `${name}, ${kind} of ${bytesText(bytes)}`;
}

export function readingSentence(source: Source): string {
  return `The service is reading ${source.name ? what(source) : "the pasted text"}.`;
}

export function tooLargeSentence(source: Source, limit: number): string {
  return `${what(source)}: read and checked when you submit. The service shows files up to ${bytesText(limit)} before that.`;
}

export function missingSentence(source: Source, missing: Missing): string {
  const why =
    missing.why === "busy"
      ? `The service is busy, and is asked again in ${missing.seconds} s.`
      : "The service did not answer, so this page cannot show what is in it.";
  return `${what(source)}: read and checked when you submit. ${why}`;
}
