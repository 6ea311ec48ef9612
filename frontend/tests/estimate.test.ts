// Costs and what the quota says of them. The numbers of each action are those that the service stores
// (tests/intake/test_estimates.py holds jobs/actions/columns.py to it).
import { describe, expect, test } from "vitest";
import { costOf, costSentences, durationText, isMixed, refusalOf, type QuotaState, type Usage } from "../src/new-job/estimate";
import { count, emptyReport } from "../src/new-job/report";
import type { StoredArray } from "../src/new-job/rules";

function library() {
  const report = emptyReport("fasta");
  for (let each = 0; each < 9; each += 1) count(report, 10, [], { masks: 2, contexts: null });
  return report;
}

// As the page brings them along (jobs/pages/new_job/stored_arrays.py).
const array = { field: "", value: "", per: "item" as const, layered: false, halves: true };
const logits = { ...array, per: "residue" as const, bytes: 80 };
const ENCODE: StoredArray[] = [
  { ...array, field: "include", value: "mean", bytes: 512, layered: true },
  { ...array, field: "include", value: "per_token", per: "residue", bytes: 512, layered: true },
  { ...logits, field: "include", value: "logits" },
];
const PREDICT: StoredArray[] = [
  { ...logits, field: "rows", value: "all" },
  { ...logits, field: "rows", value: "masked", per: "mask" },
];
const LOG_PROB: StoredArray[] = [{ ...array, bytes: 8, halves: false }];

function wanted(chosen: string[], half = false) {
  return { chose: (_field: string, value: string) => chosen.includes(value), layers: 2, half };
}

const NONE: QuotaState = { limit: null, used: 0, left: null };

function usage(quota: Partial<Usage["quota"]>, rate: number | null = 100): Usage {
  return {
    quota: { active_jobs: NONE, queued_tokens: NONE, stored_bytes: NONE, ...quota },
    models: { demo: { workers: rate ? 1 : 0, tokens_per_second: rate, reason: rate ? null : "no worker of this model is alive", waiting_tokens: 0 } },
  };
}

const of = (limit: number, left: number): QuotaState => ({ limit, used: limit - left, left });

describe("cost", () => {
  test("a context that all items share is counted for each chunk", () => {
    expect(costOf(library(), 50, wanted(["mean"]), ENCODE).tokens).toBe(9 * 14 + 2 * 50);
  });
  test.each([
    [ENCODE, wanted(["mean"]), 9 * 2 * 128 * 4],
    [ENCODE, wanted(["per_token", "logits"]), 90 * 2 * 128 * 4 + 90 * 20 * 4],
    [PREDICT, wanted(["all"]), 90 * 20 * 4],
    [PREDICT, wanted(["masked"]), 18 * 20 * 4],
    [LOG_PROB, wanted([]), 9 * 8],
    [ENCODE, wanted(["mean"], true), 9 * 2 * 128 * 2],
    [ENCODE, wanted(["per_token", "logits"], true), 90 * 2 * 128 * 2 + 90 * 20 * 2],
    [PREDICT, wanted(["masked"], true), 18 * 20 * 2],
    [LOG_PROB, wanted([], true), 9 * 8],
  ])("%o", (stores, choice, bytes) => {
    const cost = costOf(library(), 0, choice, stores);
    expect([cost.resultBytes, cost.storedBytes]).toEqual([bytes, bytes + 9 * (10 + 150)]);
  });
});

describe("sentences", () => {
  const cost = { tokens: 1200, attended: 240_000, passes: 10, chunks: 2, resultBytes: 4096, storedBytes: 5000 };
  test("time by the measured rate, or why there is none", () => {
    expect(costSentences(cost, usage({}), "demo")[1]).toContain("about 12 s");
    expect(costSentences(cost, usage({}, null), "demo")[1]).toContain("no worker of this model is alive");
    expect(costSentences(cost, null, "demo")).toHaveLength(1);
  });
  test("a range by the workers' formula, corrected by the kind of work", () => {
    const formula = { token: 0.01, attended: 1e-4, one_pass: 0.1, chunk: 0.5, start: 2, slack: 1 };
    const kinds = { "": { factor: 1, width: 2 }, predict: { factor: 0.5, width: 1.25 } };
    const measured = usage({});
    for (const pace of Object.values(measured.models)) pace.formula = { ...formula, kinds };
    expect(costSentences(cost, measured, "demo", {}, "encode")[1]).toContain("between 20 s and 81 s");
    expect(costSentences(cost, measured, "demo", {}, "predict")[1]).toContain("between 17 s and 27 s");
    expect(costSentences(cost, measured, "demo", { seconds: 5, span: [4, 6] }, "predict")[1]).toContain("between 4 s and 6 s");
  });
  test("only the service knows the time in a fleet of several precisions", () => {
    const found = usage({});
    expect([isMixed(null, "demo"), isMixed(found, "demo")]).toEqual([false, false]);
    for (const pace of Object.values(found.models)) pace.precisions = ["bfloat16", "float32"];
    expect(isMixed(found, "demo")).toBe(true);
  });
  test("contexts cost what their tokens attend to", () => {
    const alone = costOf({ ...library(), sharedChunks: 0, longestContext: 0 }, 0, wanted(["mean"]), ENCODE);
    const under = costOf(library(), 50, wanted(["mean"]), ENCODE);
    expect(alone).toMatchObject({ attended: 9 * 14 * 3 * 14, passes: 9, chunks: 2 });
    expect(under.attended - alone.attended).toBe(9 * 14 * 50 + (2 * 50 * 50) / 2);
  });
  test("what is left of each quota that has a limit", () => {
    const [, , left] = costSentences(cost, usage({ active_jobs: of(2, 1), stored_bytes: of(10_000, 9000) }), "demo");
    expect(left).toBe("Left of your quota before this job: 1 job, 9.0 kB of storage.");
  });
  test.each([
    [{}, ""],
    [{ queued_tokens: of(1000, 1000) }, "at all (1,000)"],
    [{ stored_bytes: of(4000, 4000) }, "at all (4.0 kB)"],
    [{ stored_bytes: of(9000, 4999) }, "Delete jobs"],
    [{ active_jobs: of(3, 0) }, "as many unfinished jobs"],
    [{ queued_tokens: of(2000, 1199) }, "1,199 tokens left"],
    [{ queued_tokens: of(2000, 1200), stored_bytes: of(9000, 5000), active_jobs: of(1, 1) }, ""],
  ])("refusal by %o", (quota, words) => {
    const said = refusalOf(cost, usage(quota));
    expect(words ? said.includes(words) : said === "").toBe(true);
  });
  test("durations", () => {
    expect([0.2, 45, 300, 7200, 8000, 86_400 * 3].map(durationText)).toEqual(["less than a second", "45 s", "5 min", "2 h", "2 h 13 min", "3 d"]);
  });
});
