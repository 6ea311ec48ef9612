// From results of the REST interface to what pictures draw.
import { expect, test } from "vitest";
import { bestPairs, contactHeat } from "../src/pictures/contact-data";
import { barsOf, labelled } from "../src/pictures/bar-chart";
import { markOf } from "../src/pictures/heat-drawing";
import { heatOf, logoOf, RESIDUE_ORDER, type Scan, trackOf } from "../src/pictures/scan-data";
import { rangeOf } from "../src/pictures/scatter-plot";

const TOKENS = Array.from("ACDEFGHIKLMNPQRSTVWY");

function scan(): Scan {
  // Position 2 is K: its own score is 0, R is better, all others are worse.
  const row = TOKENS.map((letter) => ({ K: 0, R: 1.5 })[letter] ?? -3);
  return { scores: [row], spread: [TOKENS.map(() => 0)], positions: [2], numbers: ["2"], vocab_tokens: TOKENS };
}

test("a cell says its variant, score and probability, and the wild type has its dot", () => {
  const heat = heatOf(scan(), "MKT");
  const [k, r] = [RESIDUE_ORDER.indexOf("K"), RESIDUE_ORDER.indexOf("R")];
  expect(heat.values[r]).toBeCloseTo(1.5);
  expect(heat.mark(k, 0)).toBe("dot");
  expect(heat.mark(r, 0)).toBeNull();
  expect(heat.describe(r, 0)).toMatch(/^K2R: score 1\.500, probability 0\.7/);
  expect(heat.describe(k, 0)).toMatch(/^K2, the wild type: probability 0\.1/);
  expect(heat.limits.low).toBe(-heat.limits.high);
  expect(heat.columnNames).toEqual(["2"]);
});

test("in another numbering a cell says the residue's number, and its position beside it", () => {
  const numbered = { ...scan(), numbers: ["52A"] };
  const heat = heatOf(numbered, "MKT");
  expect(heat.columnNames).toEqual(["52A"]);
  expect(heat.describe(RESIDUE_ORDER.indexOf("R"), 0)).toMatch(/^K52AR: score 1\.500, probability 0\.7\d+, position 2$/);
  expect(trackOf(numbered, "MKT").describe(0)).toMatch(/^K52A: mean score .*, position 2$/);
  expect(logoOf(numbered, "MKT").names).toEqual(["52A"]);
});

test("where there are several contexts the spread is said as well", () => {
  const several = { ...scan(), spread: [TOKENS.map(() => 0.25)] };
  expect(heatOf(several, "MKT").describe(RESIDUE_ORDER.indexOf("R"), 0)).toContain("± 0.25");
});

test("a heat map shows the layer that is asked for, and a cell says all of them", () => {
  const [k, r, g] = ["K", "R", "G"].map((letter) => RESIDUE_ORDER.indexOf(letter)) as [number, number, number];
  const column = (of: Record<string, number | null>) => [TOKENS.map((letter) => of[letter] ?? null)];
  const layers = {
    matrices: {
      score: scan().scores,
      percentile: column({ R: 97.25, G: 2.5 }),
      profile: column({ R: -0.5, G: -4 }),
      blosum62: column({ R: -3, G: -7 }),
      measured: column({ R: 1.25 }),
    },
  };
  const measured = heatOf(scan(), "MKT", layers, "measured");
  expect(measured.values[r]).toBeCloseTo(1.25);
  expect(measured.values[g]).toBeNaN();
  expect(measured.values[k]).toBeNaN();
  expect(measured.scale).toBe("sequential");
  expect(measured.limits.high).toBeGreaterThan(measured.limits.low);
  const places = heatOf(scan(), "MKT", layers, "percentile");
  expect(places.limits).toEqual({ low: 0, high: 100 });
  expect(places.describe(r, 0)).toMatch(
    /^K2R: score 1\.500, percentile 97\.\d, profile −0\.50, BLOSUM62 −3, measured 1\.250, probability/,
  );
  expect(places.describe(g, 0)).not.toContain("measured");
  expect(heatOf(scan(), "MKT", layers, "profile").values[g]).toBeCloseTo(-4);
  expect(heatOf(scan(), "MKT", layers, "no such layer").values[r]).toBeCloseTo(1.5);
});

test("every residue has a row", () => {
  expect([...RESIDUE_ORDER].sort()).toEqual(TOKENS);
});

test("means leave out the wild type, the logo has probabilities", () => {
  const track = trackOf(scan(), "MKT");
  expect(track.values[0]).toBeCloseTo((1.5 - 3 * 18) / 19);
  expect(track.describe(0)).toContain("K2: mean score");
  const logo = logoOf(scan(), "MKT");
  expect(logo.shares[0]?.reduce((all, one) => all + one, 0)).toBeCloseTo(1);
  expect(logo.wild).toEqual(["K"]);
});

const MAP = Array.from({ length: 30 }, (_, i) => Array.from({ length: 30 }, (_, j) => (i === j ? 0 : (i * j) / 900)));

test("the best pairs are those far enough apart, and none of what is not resolved", () => {
  expect([...bestPairs(MAP, 24, 2, () => true)]).toEqual([5 * 30 + 29, 4 * 30 + 29].sort((a, b) => b - a));
  expect(bestPairs(MAP, 24, 99, (at) => at !== 29).has(5 * 30 + 29)).toBe(false);
  expect(bestPairs(MAP, 40, 5, () => true).size).toBe(0);
});

test("over a structure the lower half shows its contacts, the upper half hits and misses", () => {
  const heat = contactHeat(MAP, "A".repeat(30), 24, { contacts: [[6, 30], [1, 9]], unresolved: [3], resolved: 29 });
  expect(heat.values[29 * 30 + 5]).toBeNaN();
  expect(heat.special?.(29, 5)).toBe("--e1-contact");
  expect(heat.special?.(5, 29)).toBeNull();
  expect(heat.special?.(29, 2)).toBe("--e1-track");
  expect(heat.mark(5, 29)).toBe("ring");
  expect(heat.mark(4, 29)).toBe("cross");
  expect(heat.mark(29, 5)).toBeNull();
  expect(heat.describe(5, 29)).toBe("A6 and A30: score 0.161, 24 apart; a contact in the structure");
  expect(heat.describe(2, 29)).toContain("not resolved");
});

test("marks, colours and the structure's contacts follow the filter", () => {
  const structure = { contacts: [[6, 30], [1, 9], [2, 28]] as [number, number][], unresolved: [3], resolved: 29 };
  const near = contactHeat(MAP, "A".repeat(30), 6, structure);
  expect(near.mark(22, 29)).toBe("cross"); // 7 apart: among the best of all
  expect(near.mark(1, 27)).toBeNull();
  expect(near.special?.(8, 0)).toBe("--e1-contact");
  const far = contactHeat(MAP, "A".repeat(30), 24, structure);
  expect(far.mark(22, 29)).toBeNull();
  expect(far.mark(1, 27)).toBe("ring");
  expect(far.special?.(8, 0)).toBeNull();
  expect(far.special?.(9, 2)).toBeNull();
  expect(far.special?.(27, 1)).toBe("--e1-contact");
});

test("a sign leaves most of its cell in sight, at every zoom", () => {
  for (const cell of [1.3, 3.7, 5.9]) expect(2 * markOf(cell).from).toBeGreaterThan(cell);
  for (const cell of [6, 7, 12, 40, 80]) {
    const { to, line } = markOf(cell);
    expect((2 * Math.PI * to * line) / (cell * cell)).toBeLessThan(0.37);
    expect((4 * to * Math.SQRT2 * line) / (cell * cell)).toBeLessThan(0.37);
  }
});

test("alone the map is symmetric, and pairs that are too near have no colour", () => {
  const heat = contactHeat(MAP, "A".repeat(30), 12, null);
  expect(heat.values[29 * 30 + 5]).toBe(heat.values[5 * 30 + 29]);
  expect(heat.values[5 * 30 + 10]).toBeNaN();
  expect(heat.special?.(29, 5)).toBeNull();
});

test("bars are read from the table beside them", () => {
  document.body.innerHTML = `<table id="t"><tbody><tr><th>1.0 to 2.0</th><td data-value="1200">1,200</td></tr>
    <tr data-marked><th>2.0 to 3.0</th><td>34</td></tr></tbody></table>`;
  const table = document.getElementById("t") as HTMLTableElement;
  expect(barsOf(table)).toEqual([
    { name: "1.0 to 2.0", value: 1200, marked: false },
    { name: "2.0 to 3.0", value: 34, marked: true },
  ]);
});

test("bars are labelled where round numbers begin", () => {
  const firsts = Array.from({ length: 24 }, (_, n) => Number((-3.4 + 0.2 * n).toFixed(1)));
  expect(labelled(firsts, 4).map((at) => firsts[at])).toEqual([-3, -2, -1, 0, 1]);
  expect(labelled(firsts, 9).map((at) => firsts[at])).toEqual([-2, 0]);
  expect(labelled([-0.004, -0.003, -0.002, -0.001, 0], 2)).toEqual([0, 2, 4]);
  expect(labelled([7], 3)).toEqual([0]);
  expect(labelled([], 3)).toEqual([]);
});

test("an axis is a little wider than its points", () => {
  expect(rangeOf([0, 10])).toEqual({ low: -0.3, high: 10.3 });
  expect(rangeOf([4, 4])).toEqual({ low: 3.5, high: 4.5 });
  expect(rangeOf([])).toEqual({ low: 0, high: 1 });
});
