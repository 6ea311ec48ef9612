// From bytes to a report: gzip, what is no text, what is damaged.
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { look, type Seen } from "../src/new-job/look";

const rules = { letters: "ACDEFGHIKLMNPQRSTVWY", contextLetters: "ACDEFGHIKLMNPQRSTVWY", needsMask: false, maxResidues: 2048, maxContexts: 50 };

async function seen(source: Blob, stale = () => false): Promise<Seen[]> {
  const told: Seen[] = [];
  await look({ number: 3, name: "", source, rules }, (one) => told.push(one), stale);
  return told;
}

async function last(source: Blob): Promise<Seen> {
  const told = (await seen(source)).at(-1);
  if (!told) throw new Error("nothing was told");
  expect(told.final).toBe(true);
  return told;
}

test("plain text and gzip give the same report", async () => {
  const text = ">a\nMKT\n>b\nMK1\n";
  const plain = await last(new Blob([text]));
  const packed = await last(new Blob([new Uint8Array(gzipSync(text))]));
  expect(plain.report.faults.map((fault) => [fault.line, fault.column])).toEqual([[4, 3]]);
  expect(packed.report).toEqual(plain.report);
  expect(plain.bytes).toBe(text.length);
});

test("a byte order mark is no residue", async () => {
  expect((await last(new Blob(["\ufeff>a\nMKT\n"]))).report.faults).toEqual([]);
});

test("an empty file is said to be so", async () => {
  expect((await last(new Blob([]))).report.broken).toContain("empty");
  expect((await last(new Blob(["\n \n"]))).report.broken).toContain("empty");
});

test.each([
  ["a workbook or another archive", new Blob([new Uint8Array([0x50, 0x4b, 3, 4, 20, 0, 6, 0, 8, 0, 0xff])])],
  ["UTF-16", new Blob([new Uint8Array([0xff, 0xfe, 0x3e, 0, 0x61, 0])])],
  ["a gzip file that ends too early", new Blob([new Uint8Array(gzipSync(">a\nMKT\n".repeat(5000))).slice(0, 60)])],
  ["another encoding", new Blob([">a\nMK", new Uint8Array([0xff, 0x41])])],
  ["an alignment", new Blob([">a\nMK-T\n>b\nMKIT\n"])],
  ["text without headers", new Blob(["MKTAYIAK\nMKV\n"])],
  ["residues in three letters", new Blob([">a\nMetLysThrAla\n"])],
  ["residues in three letters with dashes", new Blob(["name,sequence\na,Met-Lys-Thr\n"])],
  ["residues in three letters in JSONL", new Blob(['{"sequence":"METLYSTHR"}\n'])],
  ["words in a sequence", new Blob([">a one\nkinase OS Homo sapiens\nMKT\n"])],
])("%s is left to the service", async (_title, source) => {
  const { report } = await last(source);
  expect([report.broken, report.unsure !== ""]).toEqual(["", true]);
});

test("a newer look ends an older one without a word", async () => {
  expect(await seen(new Blob([">a\nMKT\n"]), () => true)).toEqual([]);
});
