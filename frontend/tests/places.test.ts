import { expect, test } from "vitest";
import { keepFocus } from "../src/lib/focus";
import { offerPlaces, span } from "../src/new-job/places";

test("a place is counted in characters, a line without a column is taken whole", () => {
  const text = ">a\nMK1T\n>b 🧬x\nMKT";
  expect(text.slice(...span(text, 2, 3))).toBe("1");
  expect(text.slice(...span(text, 3, 5))).toBe("x");
  expect(text.slice(...span(text, 4, 0))).toBe("MKT");
  expect(text.slice(...span(text, 2, 99))).toBe("MK1T");
  expect(span(text, 99, 1)).toEqual([text.length + 1, text.length + 1]);
});

test("the words of a fault lead to its place", () => {
  document.body.innerHTML = '<textarea></textarea><ul><li><b data-line="2" data-column="3">line 2</b></li></ul>';
  const area = document.querySelector("textarea");
  if (!area) throw new Error("no area");
  area.value = ">a\nMK1T\n";
  offerPlaces(document.body, area);
  const button = document.querySelector("button");
  expect(button?.textContent).toBe("line 2");
  button?.click();
  expect(document.activeElement).toBe(area);
  expect(area.value.slice(area.selectionStart, area.selectionEnd)).toBe("1");
});

keepFocus();

function swap(part: Element, html: string): void {
  const send = (name: string) => part.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { target: part } }));
  send("htmx:beforeSwap");
  part.innerHTML = html;
  send("htmx:afterSwap");
}

test("focus that a swap takes away goes to the section it was in, else to the part, and is left alone elsewhere", () => {
  document.body.innerHTML = '<p><a href="#" id="outside">x</a></p><div id="live"></div>';
  const live = document.getElementById("live");
  if (!live) throw new Error("no part");
  const state = '<section aria-labelledby="state"><h2 id="state">State</h2>';
  live.innerHTML = `${state}<button>Pause</button></section>`;
  live.querySelector("button")?.focus();
  swap(live, `${state}</section>`);
  expect(document.activeElement).toBe(live.querySelector("section"));
  live.innerHTML = `${state}<button>Pause</button></section>`;
  live.querySelector("button")?.focus();
  swap(live, "<p>nothing</p>");
  expect(document.activeElement).toBe(live);
  const outside = document.getElementById("outside");
  outside?.focus();
  swap(live, `${state}</section>`);
  expect(document.activeElement).toBe(outside);
});
