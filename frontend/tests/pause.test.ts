import { expect, test } from "vitest";
import { pause } from "../src/lib/pause";

test("a page alone asks every three seconds", () => {
  expect(pause({ hidden: false, streaming: false, final: false })).toBe(3_000);
});

test("a stream of ticks leaves polling as a safety net", () => {
  expect(pause({ hidden: false, streaming: true, final: false })).toBe(15_000);
});

test.each([
  { hidden: true, streaming: false, final: false },
  { hidden: true, streaming: true, final: false },
  { hidden: false, streaming: false, final: true },
])("nobody looks, or nothing can change: %o", (moment) => {
  expect(pause(moment)).toBe(30_000);
});
