import { describe, expect, it } from "vitest";
import { faultText, type ServiceCost, serviceSentences, variantsSentence, warningTexts } from "../src/new-job/service-cost";

const PASSES: [string, string] = ["pass through the network", "passes through the network"];

const none = { limit: null, used: 0, left: null };
const cost: ServiceCost = {
  library: null,
  items: 989,
  skipped: 0,
  units: 3945,
  chunks: 618,
  tokens: 1_270_000,
  output_bytes: 130_000,
  stored_bytes: 140_000,
  seconds: 300,
  seconds_reason: null,
  tokens_per_second: 10_000,
  workers: 2,
  waiting: { tokens: 0 },
  quota: { active_jobs: none, queued_tokens: none, stored_bytes: none },
  refusal: null,
};

describe("the cost as the service counts it", () => {
  it("tells passes, chunks, tokens and the service's own seconds", () => {
    expect(serviceSentences(cost, PASSES, "e1-demo")).toEqual([
      "3,945 passes through the network, in 618 chunks.",
      "1,270,000 tokens to compute. The results will take 130 kB.",
      "Estimated run time: about 5 min at the workers’ present rate.",
    ]);
    expect(serviceSentences({ ...cost, units: 12 }, ["row", "rows"], "e1-demo")[0]).toBe("12 rows, in 618 chunks.");
    expect(serviceSentences({ ...cost, units: 0 }, PASSES, "e1-demo")[0]).toMatch(/^1,270,000 tokens/);
  });
  it("tells the time of each pool if a job may be computed in either", () => {
    const pools = [
      { precision: "bfloat16", workers: 2, seconds: 100, seconds_range: [80, 140] as [number, number] },
      { precision: "float32", workers: 1, seconds: null },
    ];
    const said = serviceSentences({ ...cost, pools }, PASSES, "e1-demo").at(-1);
    expect(said).toBe(
      "bfloat16, 2 workers: between 80 s and 2 min; float32, 1 worker: not known. " +
        "The first worker that takes a part of the job decides, unless you choose a compute precision.",
    );
    expect(serviceSentences({ ...cost, pools: pools.slice(0, 1) }, PASSES, "e1-demo")).toHaveLength(3);
  });
  it("tells what earlier jobs hold, and the tokens that are left", () => {
    const earlier = { units: 989, tokens: 1_000_000, not_looked_at: 0, seconds_without: 300 };
    const said = serviceSentences({ ...cost, units: 989, seconds: 2, earlier_jobs: earlier }, PASSES, "e1-demo");
    expect(said.slice(0, 3)).toEqual([
      "989 passes through the network, in 618 chunks.",
      "989 of 989 passes are there from earlier jobs; without those jobs computing takes about 5 min.",
      "270,000 tokens to compute. The results will take 130 kB.",
    ]);
    const part = { units: 0, tokens: 0, not_looked_at: 1250, seconds_without: null };
    expect(serviceSentences({ ...cost, earlier_jobs: part }, PASSES, "e1-demo")[1]).toBe(
      "1,250 of further proteins were not looked up, and count as to be computed.",
    );
    const none = { units: 0, tokens: 0, not_looked_at: 0, seconds_without: 300 };
    expect(serviceSentences({ ...cost, earlier_jobs: none }, PASSES, "e1-demo")).toEqual(serviceSentences(cost, PASSES, "e1-demo"));
  });
  it("says why the time is not known", () => {
    const away = { ...cost, seconds: null, tokens_per_second: null, seconds_reason: "no worker of this model is alive" };
    expect(serviceSentences(away, PASSES, "e1-demo")[2]).toContain("no worker of this model is alive");
  });
  it("counts variants, and tells faults with their lines", () => {
    expect(variantsSentence(cost)).toBe("989 variants; all of them can be read.");
    expect(variantsSentence({ ...cost, items: 1, skipped: 2 })).toBe("1 variant; 2 records would be skipped.");
    const left = { code: "rows_left_out", message: "3 of 9 rows have no score (first: line 7)", remedy: "Nothing.", line: 7 };
    expect(warningTexts({ ...cost, warnings: [left] })).toEqual(["3 of 9 rows have no score (first: line 7). Nothing."]);
    expect(warningTexts(cost)).toEqual([]);
    expect(faultText({ line: 3, message: "the wild type is K", remedy: "look again." })).toBe("Line 3: the wild type is K. Look again.");
    expect(faultText({ line: 3, message: "line 3: the wild type is K." })).toBe("Line 3: the wild type is K.");
  });
});
