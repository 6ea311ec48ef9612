// The preview finds what the parser finds: both are held to the same cases (tests/parsing/test_preview_cases.py).
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatOf, LibraryReader, type OwnFormat } from "../src/new-job/reader";
import { histogram, median, type Report } from "../src/new-job/report";

interface Case {
  title: string;
  format: OwnFormat | "plain";
  action: string;
  text: string;
  broken: boolean;
  records: number;
  bad: number;
  nucleotides: number;
  tokens: number;
  masks: number;
  duplicates?: number;
  faults: { code: string; line: number; column: number; record: string; character: string }[];
}

type OwnCase = Case & { format: OwnFormat };

// Text without headers is the service's.
const all = JSON.parse(readFileSync("../tests/data/preview-cases.json", "utf8")) as Case[];
const cases = all.filter((one): one is OwnCase => one.format !== "plain");
const [first] = cases;
if (!first) throw new Error("there are no cases");
const SHARED_TOKENS = 4 + 4 + 2 + 4; // of the contexts MKTA and AC, which each case's tokens are counted with
const CANONICAL = "ACDEFGHIKLMNPQRSTVWY";
const EXTENDED = CANONICAL + "BXZUO";
const LETTERS: Record<string, { letters: string; contextLetters: string; needsMask: boolean }> = {
  encode: { letters: EXTENDED, contextLetters: EXTENDED, needsMask: false },
  predict: { letters: `${EXTENDED}?`, contextLetters: EXTENDED, needsMask: true },
  log_prob: { letters: CANONICAL, contextLetters: CANONICAL, needsMask: false },
};

function read(one: OwnCase, size: number): Report {
  const letters = LETTERS[one.action];
  if (!letters) throw new Error(one.action);
  const reader = new LibraryReader(one.format, { ...letters, maxResidues: 2048, maxContexts: 50 });
  for (let at = 0; at < one.text.length; at += size) reader.take(one.text.slice(at, at + size));
  return reader.end();
}

describe.each(cases.map((one) => [one.title, one] as const))("%s", (_title, one) => {
  test.each([1, 2, 3, 7, 100_000])("cut into pieces of %i", (size) => {
    const report = read(one, size);
    expect(report.broken !== "").toBe(one.broken);
    if (one.broken) return;
    expect([report.records, report.badRecords]).toEqual([one.records, one.bad]);
    expect(report.nucleotides).toBe(one.nucleotides);
    expect(report.duplicates).toBe(one.duplicates ?? 0);
    expect([report.tokens + report.sharedChunks * SHARED_TOKENS, report.masks]).toEqual([one.tokens, one.masks]);
    const found = report.faults.map(({ code, line, column, record, character }) => ({ code, line, column, record, character }));
    // Browsers do not say where JSON breaks; the line is enough.
    expect(found).toEqual(one.faults.map((fault) => (fault.code === "bad_json" ? { ...fault, column: 0 } : fault)));
  });
});

interface KindCase {
  title: string;
  filename: string;
  text?: string;
  kind: string;
}

const kinds = (JSON.parse(readFileSync("../tests/data/kind-cases.json", "utf8")) as KindCase[]).filter(({ text }) => text !== undefined);
const OWN: Record<string, OwnFormat> = { fasta: "fasta", jsonl: "jsonl", table: "csv" };

test.each(kinds.map((one) => [one.title, one] as const))("%s is read as the service reads it, or left to it", (_title, one) => {
  const format = formatOf(one.text ?? "", one.filename);
  if (format !== "") expect(format).toBe(OWN[one.kind]);
});

test.each([
  ["fasta", ">a\nmktay\nMK 1TAY\n", ["MK ", "1", "TAY"]],
  ["fasta", ">a\nMK*T\n", ["MK", "*", "T"]],
  ["csv", "name,sequence\na,ACDEFGHIKLMN1PQRSTVWYACDEF\n", ["DEFGHIKLMN", "1", "PQRSTVWYAC"]],
  ["jsonl", '{"sequence": "MK\u{1F9EC}T"}\n', ["MK", "\u{1F9EC}", "T"]],
  ["jsonl", '{"sequence": "MKT", "context_sequences": ["M1T"]}\n', null],
  ["fasta", ">a\n\n", null],
] as const)("a fault shows its place in the sequence: %s %j", (format, text, near) => {
  const { faults } = read({ ...first, format, text }, 3);
  expect(faults.map((fault) => fault.near)).toEqual([near]);
});

test("the usual files are read in the browser", () => {
  expect(formatOf("\n>a one\nMKTAYI\n>b\nmkt*\n")).toBe("fasta");
  expect(formatOf('{"sequence": "M"}\n')).toBe("jsonl");
  expect(formatOf("Name;Sequence\na;M")).toBe("csv");
  for (const text of ["", "MKT", "sequence\nMKT", "name,sequence,note\na,MKT,x", "id,sequence\na,MKT"]) expect(formatOf(text)).toBe("");
});

test("lengths are counted into bins that hold all of them", () => {
  const text = [1, 2, 2, 9, 30, 31].map((length, at) => `>${at}\n${"A".repeat(length)}\n`).join("");
  const report = read({ ...first, text }, 5);
  const bins = histogram(report, 10);
  expect(bins.reduce((sum, bin) => sum + bin.many, 0)).toBe(6);
  expect(bins[0]).toEqual({ from: 1, to: 4, many: 3 });
  expect(bins.at(-1)).toEqual({ from: 29, to: 31, many: 2 });
  expect(median(report)).toBe(2);
  expect([report.shortest, report.longest, report.residues]).toEqual([1, 31, 75]);
});
