// Editing a field that belongs to a choice chooses it.
import { expect, test } from "vitest";
import { followChoices } from "../src/lib/choices";

test("an edited field chooses the radio button of its group", () => {
  document.body.innerHTML = `<input type="radio" name="how" id="preset" checked><input type="radio" name="how" id="own">
    <details data-chooses="own"><input id="count"></details><input id="seed">`;
  followChoices();
  const edit = (id: string) => document.getElementById(id)?.dispatchEvent(new Event("input", { bubbles: true }));
  const own = document.getElementById("own") as HTMLInputElement;
  edit("seed");
  expect(own.checked).toBe(false);
  edit("count");
  expect(own.checked).toBe(true);
});

test("a chosen radio button unfolds its fields, and another choice leaves them", () => {
  document.body.innerHTML = `<input type="radio" name="how" id="preset" checked><input type="radio" name="how" id="own">
    <details data-chooses="own"><input id="count"></details>`;
  followChoices();
  const open = () => document.querySelector("details")?.open;
  const choose = (id: string) => document.getElementById(id)?.dispatchEvent(new Event("change", { bubbles: true }));
  choose("preset");
  expect(open()).toBe(false);
  choose("own");
  expect(open()).toBe(true);
  choose("preset");
  expect(open()).toBe(true);
});
