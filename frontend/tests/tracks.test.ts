// Annotations as rows over the columns of a scan, and the part of a long axis to begin with.
import { expect, test } from "vitest";
import { firstPart } from "../src/pictures/axis-scroll";
import { type Annotations, columnsOf, type Feature, rowsOf, secondaryRow } from "../src/pictures/track-data";

const feature = (start: number, end: number, name: string, kind: string): Feature => ({
  start,
  end,
  start_number: String(start + 20),
  end_number: String(end + 20),
  name,
  kind,
});
const of = (...features: Feature[]): Annotations => ({ results: [{ item: 0, name: "a.csv", features }] });
const ALL = [1, 2, 3, 4, 5, 6, 7, 8];

test("a stretch of positions is a stretch of the columns that are scanned", () => {
  expect(columnsOf(ALL, 2, 4)).toEqual({ from: 1, to: 3 });
  expect(columnsOf([2, 5, 9], 3, 9)).toEqual({ from: 1, to: 2 });
  expect(columnsOf([2, 5, 9], 6, 8)).toBeNull();
});

test("each kind has a row, and overlapping features have rows of their own", () => {
  const rows = rowsOf(of(feature(1, 4, "N", "domain"), feature(3, 8, "C", "domain"), feature(5, 5, "S70", "site"), feature(5, 8, "D", "domain")), 0, ALL);
  expect(rows.map((row) => row.title)).toEqual(["domain", "", "site"]);
  expect(rows[0]?.marks.map((mark) => mark.name)).toEqual(["N", "D"]);
  expect(rows[1]?.marks.map((mark) => mark.name)).toEqual(["C"]);
  expect(rows[2]?.marks[0]?.words).toBe("S70 (site), 25");
  expect(rows[0]?.marks[0]?.words).toBe("N (domain), 21 to 24");
});

test("features of other items, and of positions that are not scanned, are left out", () => {
  expect(rowsOf({ results: [{ item: 1, name: "b.csv", features: [feature(1, 2, "x", "y")] }] }, 0, ALL)).toEqual([]);
  expect(rowsOf(of(feature(1, 2, "x", "y")), 0, [3, 4])).toEqual([]);
});

test("secondary structure is joined along the sequence, and parted where positions are left out", () => {
  const names = ALL.map((one) => String(one + 20));
  // A tag of one residue, then positions 1 to 8.
  const row = secondaryRow("-HHH-EEHH", [null, ...ALL], ALL, names);
  expect(row?.marks.map(({ from, to, shape }) => [from, to, shape])).toEqual([
    [0, 2, "helix"],
    [4, 5, "strand"],
    [6, 7, "helix"],
  ]);
  expect(row?.marks[0]?.words).toBe("helix, 21 to 23, of the structure");
  const parted = secondaryRow("HHHH", [1, 2, 3, 4], [1, 2, 4], ["1", "2", "4"]);
  expect(parted?.marks.map(({ from, to }) => [from, to])).toEqual([[0, 1], [2, 2]]);
  expect(secondaryRow("", [1, 2], ALL, names)).toBeNull();
});

test("a long protein begins with a part, a short one with all", () => {
  expect(firstPart(300, 760)).toEqual({ from: 0, to: 300 });
  expect(firstPart(1000, 760)).toEqual({ from: 0, to: 380 });
  expect(firstPart(1000, 0)).toEqual({ from: 0, to: 1000 });
});
