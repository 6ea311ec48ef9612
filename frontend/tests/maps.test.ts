import { expect, test } from "vitest";
import { BINS, byCategory, byNumber, categoryLook, cividis } from "../src/maps/colours";
import { Grid } from "../src/maps/grid";
import { Pixels, stampOfPixels } from "../src/maps/pixels";
import { placeOf, pointsOf, towards } from "../src/maps/points";

const random = (seed: number) => () => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};

test("points keep their proportions and their items", () => {
  const file = { index: [2, 5, 9], name: ["a", "b", "c"], residues: [1, 2, 3], x: [0, 10, 20], y: [0, 5, 0] };
  const points = pointsOf(file, 50_000);
  expect(Array.from(points.u)).toEqual([0, 0.5, 1]);
  expect(Array.from(points.v)).toEqual([0.625, 0.375, 0.625]);
  expect(points.cluster).toBeNull();
  expect([placeOf(points, 5), placeOf(points, 3)]).toEqual([1, -1]);
  expect(pointsOf(file, 2).index.length).toBe(2);
  expect([towards(points, 0, 1, 0), towards(points, 1, 0, -1), towards(points, 2, -1, 0)]).toEqual([1, -1, 0]);
});

test("the grid finds what looking at every point finds", () => {
  const next = random(7);
  const u = Float32Array.from({ length: 3000 }, next);
  const v = Float32Array.from({ length: 3000 }, next);
  const grid = new Grid(u, v);
  const all = Array.from(u.keys());
  for (let round = 0; round < 50; round += 1) {
    const [a, b] = [next(), next()];
    const reach = 0.05;
    const inside = all.filter((i) => Math.abs((u[i] ?? 0) - a) <= reach && Math.abs((v[i] ?? 0) - b) <= reach);
    expect(grid.inside(a - reach, b - reach, a + reach, b + reach).sort((x, y) => x - y)).toEqual(inside);
    const distance = (i: number) => Math.hypot((u[i] ?? 0) - a, (v[i] ?? 0) - b);
    const best = all.reduce((one, other) => (distance(other) < distance(one) ? other : one));
    expect(grid.nearest(a, b, reach)).toBe(distance(best) <= reach ? best : -1);
  }
  const triangle = [0.1, 0.1, 0.9, 0.1, 0.1, 0.9];
  const expected = all.filter((i) => (u[i] ?? 0) > 0.1 && (v[i] ?? 0) > 0.1 && (u[i] ?? 0) + (v[i] ?? 0) < 1);
  expect(grid.within(triangle).sort((x, y) => x - y)).toEqual(expected);
  expect(new Grid(new Float32Array(0), new Float32Array(0)).nearest(0.5, 0.5, 1)).toBe(-1);
});

test("categories differ in colour and shape, numbers run between their percentiles", () => {
  const seen = new Set(Array.from({ length: 42 }, (_, number) => JSON.stringify(categoryLook(number))));
  expect(seen.size).toBe(42);
  const groups = byCategory("Family", Int32Array.from([0, 1, 1, -1]), ["a", "b"], "none");
  expect(groups.entries?.map((entry) => [entry.text, entry.count])).toEqual([["a", 1], ["b", 2], ["none", 1]]);
  expect([groups.say(1), groups.say(3)]).toEqual(["b", "none"]);
  const numbers = byNumber("weight", [...Array.from({ length: 100 }, (_, n) => n), NaN, 1e9]);
  expect(numbers.limits).toEqual([2, 98]);
  expect([numbers.classes[0], numbers.classes[101], numbers.classes[100]]).toEqual([0, BINS - 1, -1]);
  expect(numbers.say(100)).toBe("no weight");
  expect([cividis(0), cividis(1)]).toEqual(["#00224e", "#fee838"]);
});

test("stamps cover what is there, and are cut off at the edges", () => {
  const clear = [0, 0, 0, 0];
  const half = [200, 100, 0, 128];
  const full = [10, 20, 30, 255];
  const stamp = stampOfPixels(Uint8ClampedArray.from([clear, half, full, clear].flat()), 2);
  expect(Array.from(stamp.places), "clear pixels are left out").toEqual([1, 2]);
  const pixels = new Pixels(3, 2, Uint8ClampedArray.from([100, 100, 100, 255]));
  const at = (x: number, y: number) => Array.from(pixels.data.slice(4 * (3 * y + x), 4 * (3 * y + x) + 4));
  pixels.lay(stamp, 0, 0);
  expect(at(0, 0), "the ground stays").toEqual([100, 100, 100, 255]);
  expect(at(1, 0), "half of each").toEqual([150, 100, 50, 255]);
  expect(at(0, 1)).toEqual([10, 20, 30, 255]);
  pixels.lay(stamp, 2, -1);
  expect(at(2, 0), "the lower left pixel of a stamp that reaches over the corner").toEqual([10, 20, 30, 255]);
  expect(at(0, 1), "no pixel comes in again on the other side").toEqual([10, 20, 30, 255]);
  expect(at(2, 1)).toEqual([100, 100, 100, 255]);
  for (const [left, top] of [[-2, 0], [3, 0], [0, -2], [0, 2]] as const) pixels.lay(stamp, left, top);
  expect(at(1, 1)).toEqual([100, 100, 100, 255]);
});
