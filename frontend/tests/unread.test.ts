// A library that only the service reads: what the page says while it is read, and if it is not.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ServiceCost } from "../src/new-job/service-cost";
import { CostAsker } from "../src/new-job/service-cost";
import { type Missing, missingSentence, readingSentence, tooLargeSentence, what } from "../src/new-job/unread";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const workbook = { name: "lib.xlsx", bytes: 12_300_000 };

test.each([
  ["lib.xlsx", "lib.xlsx, an Excel workbook of 12 MB"],
  ["a.fasta.gz", "a.fasta.gz, a gzip file of 12 MB"],
  ["a.A3M", "a.A3M, an alignment of 12 MB"],
  ["a", "a, a file of 12 MB"],
  ["", "The pasted text (12 MB)"],
])("%s is named with its kind and size", (name, words) => {
  expect(what({ ...workbook, name })).toBe(words);
});

test("the sentences say what is known and what happens next", () => {
  expect(readingSentence(workbook)).toBe("The service is reading lib.xlsx, an Excel workbook of 12 MB.");
  expect(tooLargeSentence(workbook, 4_000_000)).toContain("read and checked when you submit. The service shows files up to 4.0 MB");
  expect(missingSentence(workbook, { why: "busy", seconds: 5 })).toContain("asked again in 5 s");
  expect(missingSentence(workbook, { why: "silent" })).toContain("did not answer");
});

async function told(answers: (() => Promise<Response>)[], seconds: number): Promise<[ServiceCost | null, Missing | null][]> {
  const seen: [ServiceCost | null, Missing | null][] = [];
  const left = [...answers];
  vi.stubGlobal("fetch", () => left.shift()?.() ?? Promise.reject(new Error("asked too often")));
  const asker = new CostAsker(
    "/cost/",
    () => new FormData(),
    (cost, missing) => seen.push([cost, missing]),
  );
  asker.later();
  await vi.advanceTimersByTimeAsync(400 + seconds * 1000);
  asker.stop();
  return seen;
}

const busy = (wait: string) => () => Promise.resolve(new Response("{}", { status: 429, headers: { "Retry-After": wait } }));
const answered = () => Promise.resolve(new Response(JSON.stringify({ items: 3 })));

test("a busy service is asked again after the time that it says", async () => {
  expect(await told([busy("5")], 4)).toEqual([[null, { why: "busy", seconds: 5 }]]);
  expect(await told([busy("5"), answered], 5)).toEqual([[null, { why: "busy", seconds: 5 }], [{ items: 3 }, null]]);
  expect(await told([busy("nonsense")], 0)).toEqual([[null, { why: "busy", seconds: 1 }]]);
  expect(await told([busy("86400")], 0)).toEqual([[null, { why: "busy", seconds: 60 }]]);
});

test.each([
  ["no answer", () => Promise.reject(new Error("away"))],
  ["an error", () => Promise.resolve(new Response("", { status: 502 }))],
  ["no JSON", () => Promise.resolve(new Response("<html>"))],
])("%s is told", async (_title, answer) => {
  expect(await told([answer], 0)).toEqual([[null, { why: "silent" }]]);
});
