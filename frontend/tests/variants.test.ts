import { expect, test } from "vitest";
import { variantsLines } from "../src/new-job/variants";

test("a list of codes keeps its lines, and everything else stays as it is", () => {
  const lines = variantsLines("\nM1A\r\n K2R,T3S \n\nWT").split("\n");
  expect(lines).toEqual(["", '{"variant":"M1A"}', '{"variant":"K2R,T3S"}', "", '{"variant":"WT"}', ""]);
  for (const text of ["", ">p\nMKT", '{"variant": "M1A"}', "[]", "variant\nM1A", "Name;Variant\na;M1A", "mutant\tx\nM1A\t1"]) {
    expect(variantsLines(text)).toBe(text);
  }
});
