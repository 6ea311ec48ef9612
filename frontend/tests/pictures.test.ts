// The pure parts of the pictures: colours, limits, spans, numbers.
import { expect, test } from "vitest";
import { colourAt, percentile, stops, symmetric } from "../src/pictures/colours";
import { digitsFor, information, meanWithout, probabilities, roundSteps, shown } from "../src/pictures/numbers";
import { labels, moved, showing, ticks, whole, zoomed } from "../src/pictures/span";

test("zero is the middle of the diverging scale, better is blue, worse is red, in both themes", () => {
  for (const dark of [false, true]) {
    expect(colourAt(stops("diverging", dark), 0.5)).toEqual([247, 247, 247]);
    expect(colourAt(stops("diverging", dark), 1)).toEqual([5, 48, 97]);
    expect(colourAt(stops("diverging", dark), 0)).toEqual([103, 0, 31]);
  }
});

test("values beyond the limits have the colours of the limits", () => {
  expect(colourAt(stops("diverging", false), 7)).toEqual([5, 48, 97]);
  expect(colourAt(stops("sequential", false), -1)).toEqual([247, 251, 255]);
});

test("between two stops a colour is mixed", () => {
  expect(colourAt([[0, 0, 0], [100, 200, 50], [0, 0, 0]], 0.25)).toEqual([50, 100, 25]);
});

test("percentiles interpolate between ranks, as numpy does", () => {
  expect(percentile([4, 1, 3, 2], 50)).toBe(2.5);
  expect(percentile([1, 2, 3, 4, 5], 98)).toBeCloseTo(4.92);
  expect(percentile([NaN, 3], 98)).toBe(3);
  expect(percentile([], 98)).toBe(0);
});

test("limits are symmetric, and neither zeros nor a few extremes set them", () => {
  const scores = [0, 0, 0, 0, ...Array.from({ length: 99 }, (_, n) => (n % 2 ? -1 : 1) * (n + 1)), -5000];
  const { low, high } = symmetric(scores);
  expect(low).toBe(-high);
  expect(high).toBeGreaterThan(90);
  expect(high).toBeLessThan(100);
  expect(symmetric([0, 0])).toEqual({ low: -1, high: 1 });
});

test("softmax of a scan's row gives probabilities, information is in bits", () => {
  const shares = probabilities([0, Math.log(2), Math.log(5)]);
  expect(shares.map((share) => Number(share.toFixed(6)))).toEqual([0.125, 0.25, 0.625]);
  expect(information([1, 0, 0, 0])).toBe(2);
  expect(information([0.25, 0.25, 0.25, 0.25])).toBe(0);
  expect(probabilities([900, 900])).toEqual([0.5, 0.5]);
});

test("the mean of a position leaves out the wild type's zero", () => {
  expect(meanWithout([0, -2, -4], 0)).toBe(-3);
  expect(meanWithout([0], 0)).toBeNaN();
});

test("a zoomed span keeps its centre in place and stays within the axis", () => {
  const half = zoomed(whole(200), 200, 0.5, 100);
  expect(half).toEqual({ from: 50, to: 150 });
  expect(zoomed(half, 200, 0.5, 50)).toEqual({ from: 50, to: 100 });
  expect(zoomed(half, 200, Infinity, 60)).toEqual({ from: 0, to: 200 });
  const close = zoomed(half, 200, 0.0001, 60);
  expect(close.to - close.from).toBe(8);
  expect(moved(half, 200, 1000)).toEqual({ from: 100, to: 200 });
  expect(zoomed(whole(3), 3, 0.5, 1)).toEqual({ from: 0, to: 3 });
});

test("a cell is brought into sight by the least movement", () => {
  const span = { from: 50, to: 150 };
  expect(showing(span, 200, 70)).toBe(span);
  expect(showing(span, 200, 20)).toEqual({ from: 20, to: 120 });
  expect(showing(span, 200, 150)).toEqual({ from: 51, to: 151 });
});

test("labels of an axis are round and far enough apart", () => {
  expect(ticks(whole(263), 1000, 44)).toEqual([1, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220, 240, 260]);
  expect(ticks({ from: 20, to: 30 }, 1000, 44)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  expect(roundSteps(-0.4, 1.1, 4)).toEqual([0, 0.5, 1]);
  expect(roundSteps(1, 1, 4)).toEqual([1]);
  expect([5, 0.5, 0.25, 0.01].map(digitsFor)).toEqual([0, 1, 1, 2]);
});

test("an axis of chosen positions is labelled by those, a whole one by round numbers", () => {
  const positions = Array.from({ length: 100 }, (_, n) => String(n + 24));
  expect(labels({ from: 10, to: 60 }, positions, 300, 44).map(([, name]) => name)).toEqual(["40", "50", "60", "70", "80"]);
  expect(labels(whole(3), ["3", "24", "56"], 300, 44)).toEqual([[0, "3"], [1, "24"], [2, "56"]]);
});

test("an axis with left out numbers or insertion letters has round labels at the residues that have them", () => {
  const ambler = Array.from({ length: 288 }, (_, n) => n + 3).filter((n) => n !== 239 && n !== 253).map(String);
  const marked = labels(whole(286), ambler, 700, 44);
  expect(marked.map(([, name]) => name)).toEqual(Array.from({ length: 14 }, (_, n) => String(20 * (n + 1))));
  expect(marked.slice(-4)).toEqual([[217, "220"], [236, "240"], [255, "260"], [275, "280"]]);
  const heavy = ["50", "51", "52", "52A", "52B", "52C", "53", "54"];
  expect(labels(whole(8), heavy, 400, 44)).toEqual(heavy.map((name, at) => [at, name]));
  expect(labels(whole(8), heavy, 200, 44).map(([, name]) => name)).toEqual(["50", "52", "54"]);
  const lettered = Array.from("ABCDEFGHIJKLMNOPQRSTUVWX", (letter) => `100${letter}`);
  expect(labels(whole(24), lettered, 200, 44).map(([, name]) => name)).toEqual(["100A", "100G", "100M", "100S"]);
});

test("numbers have a real minus sign", () => {
  expect(shown(-3.14159)).toBe("\u22123.14");
  expect(shown(NaN)).toBe("none");
});
