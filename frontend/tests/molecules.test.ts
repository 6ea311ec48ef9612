// Residues of a drawn structure: colours, words, and the way to the next one.
import { expect, test } from "vitest";
import { contactCounts } from "../src/molecules/panel";
import { colouring, type Colouring, described, type Drawn, drawnAs, legendOf, limitsOf, nextPosition, NONE, residueAt } from "../src/molecules/residues";
import { spreadOut } from "../src/pictures/scan-data";

// A tag of two residues, then positions 2, 3 and 5 of the sequence.
const DRAWN: Drawn = {
  pdb: "",
  positions: [null, null, 2, 3, 5],
  numbers: ["-1", "0", "27", "28", "30A"],
  letters: "GSKTY",
  secondary: "--HHE",
};
const MEAN: Colouring = { title: "Mean score", values: [NaN, -2, 2, 0, NaN], scale: "diverging", digits: 2 };
const NAMES = ["26", "27", "28", "29", "30"];

const rgb = (number: number) => [number >> 16, (number >> 8) & 255, number & 255];

test("a residue has the colour of its position, and grey without a number", () => {
  const colour = colouring(DRAWN, MEAN, false);
  expect(rgb(colour(3))).toEqual([0x67, 0x00, 0x1f]);
  expect(rgb(colour(4))).toEqual([0x05, 0x30, 0x61]);
  expect(rgb(colour(1))).toEqual([...NONE]);
  expect(rgb(colour(5))).toEqual([...NONE]);
});

test("limits are those of the numbers, and never empty", () => {
  const low = limitsOf({ ...MEAN, values: [NaN, -5, -4, -3] });
  expect(low.low).toBeCloseTo(-5, 1);
  expect(low.high).toBeCloseTo(-3, 1);
  const equal = limitsOf({ ...MEAN, scale: "sequential", values: [3, 3] });
  expect(equal.high).toBeGreaterThan(equal.low);
});

test("the legend has the numbers at both ends", () => {
  const mean = legendOf({ ...MEAN, values: [-4, -4, -1, -1] }, false);
  expect([mean.low, mean.high]).toEqual(["\u22124.00 worse", "better \u22121.00"]);
  expect(mean.gradient).toMatch(/^linear-gradient\(to right, rgb\(103, 0, 31\)/);
  const other = legendOf({ ...MEAN, scale: "sequential", digits: 0, values: [1, 1, 9, 9] }, true);
  expect([other.low, other.high]).toEqual(["1", "9"]);
});

test("positions and residues lead to each other", () => {
  expect(residueAt(DRAWN, 3)).toBe(4);
  expect(residueAt(DRAWN, 4)).toBeNull();
  expect(nextPosition(DRAWN, 3, 1)).toBe(5);
  expect(nextPosition(DRAWN, 5, 1)).toBeNull();
  expect(nextPosition(DRAWN, 5, -1)).toBe(3);
  expect(nextPosition(DRAWN, null, 1)).toBe(2);
  expect(nextPosition(DRAWN, null, -1)).toBe(5);
});

test("a residue is said in the numbering of the page, with its number in the file if that differs", () => {
  expect(described(DRAWN, 3, NAMES, MEAN)).toBe("K27: mean score \u22122.00, helix");
  expect(described(DRAWN, 5, NAMES, MEAN)).toBe("Y30, strand; 30A in the structure");
  expect(described(DRAWN, 1, NAMES, MEAN)).toBe("G-1 of the structure, which the sequence does not have, coil");
  expect(described({ ...DRAWN, secondary: "" }, 3, NAMES, null)).toBe("K27");
});

test("secondary structure has the letters of 3Dmol.js", () => {
  expect(["H", "E", "-", undefined].map(drawnAs)).toEqual(["h", "s", "c", "c"]);
});

test("contacts are counted on both sides, without near neighbours", () => {
  const found = contactCounts({ contacts: [[1, 3], [1, 8], [2, 8]], unresolved: [5] }, 8);
  expect(found.slice(0, 4)).toEqual([1, 1, 0, 0]);
  expect(found[4]).toBeNaN();
  expect(found[7]).toBe(2);
});

test("numbers of scanned positions are spread over the sequence", () => {
  expect(spreadOut([1.5, 2.5], [2, 4], 4)).toEqual([NaN, 1.5, NaN, 2.5]);
});
