// Where a table goes on beyond its place.
import { expect, test } from "vitest";
import { markOverflow } from "../src/lib/overflow";

function region(scrollWidth: number, clientWidth: number): HTMLElement {
  document.body.innerHTML = `<p data-scroll-hint>scroll</p><div></div>`;
  const made = document.querySelector("div") as HTMLElement;
  Object.defineProperties(made, { scrollWidth: { value: scrollWidth }, clientWidth: { value: clientWidth } });
  return made;
}

test("a table that goes on says so until its end is in sight", () => {
  const wide = region(900, 500);
  markOverflow(wide);
  expect(wide.hasAttribute("data-more")).toBe(true);
  expect(document.querySelector("p")?.hidden).toBe(false);
  wide.scrollLeft = 400;
  markOverflow(wide);
  expect(wide.hasAttribute("data-more")).toBe(false);
  expect(document.querySelector("p")?.hidden).toBe(false);
});

test("a table that fits says nothing", () => {
  const fits = region(500, 500);
  markOverflow(fits);
  expect(fits.hasAttribute("data-more")).toBe(false);
  expect(document.querySelector("p")?.hidden).toBe(true);
});
