// From bytes to a report: gzip, what is no text, what is damaged.
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { look, notText, type Seen } from "../src/new-job/look";

const rules = { letters: "ACDEFGHIKLMNPQRSTVWY", contextLetters: "ACDEFGHIKLMNPQRSTVWY", needsMask: false, maxResidues: 2048, maxContexts: 50 };

async function seen(source: Blob, name = "a.fasta", stale = () => false): Promise<Seen[]> {
  const told: Seen[] = [];
  await look({ number: 3, name, source, rules }, (one) => told.push(one), stale);
  return told;
}

async function last(source: Blob, name?: string): Promise<Seen> {
  const told = (await seen(source, name)).at(-1);
  if (!told) throw new Error("nothing was told");
  expect(told.final).toBe(true);
  return told;
}

test("plain text and gzip give the same report", async () => {
  const text = ">a\nMKT\n>b\nMK1\n";
  const plain = await last(new Blob([text]));
  const packed = await last(new Blob([new Uint8Array(gzipSync(text))]), "a.fasta.gz");
  expect(plain.report.faults.map((fault) => [fault.line, fault.column])).toEqual([[4, 3]]);
  expect(packed.report).toEqual(plain.report);
  expect(plain.bytes).toBe(text.length);
});

test("a byte order mark is no residue", async () => {
  expect((await last(new Blob(["\ufeff>a\nMKT\n"]))).report.faults).toEqual([]);
});

test.each([
  [[0x50, 0x4b, 3, 4], "ZIP"],
  [[0xff, 0xfe, 0x3e, 0], "UTF-16"],
  [[0, 0, 0, 1], "no text"],
])("%j is told from text", (bytes, word) => {
  expect(notText(new Uint8Array(bytes))).toContain(word);
});

test.each([
  ["a gzip file that ends too early", new Blob([new Uint8Array(gzipSync(">a\nMKT\n".repeat(5000))).slice(0, 60)]), "gzip"],
  ["bytes that are no UTF-8", new Blob([">a\nMK", new Uint8Array([0xff, 0x41])]), "UTF-8"],
  ["an empty file", new Blob([]), "empty"],
])("%s is said to be so", async (_title, source, word) => {
  const { report } = await last(source, "library");
  expect(report.broken).toContain(word);
});

test("a newer look ends an older one without a word", async () => {
  expect(await seen(new Blob([">a\nMKT\n"]), "a.fasta", () => true)).toEqual([]);
});
