import { afterEach, beforeEach, expect, test, vi } from "vitest";
import "../src/elements/account-menu";
import "../src/elements/copy-button";
import { show } from "../src/elements/local-time";
import { resolve } from "../src/elements/theme-choice";

beforeEach(() => {
  document.body.innerHTML = '<pre id="text">  e1 status  </pre><copy-button for="text" label="the command"></copy-button>';
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function button(): HTMLButtonElement {
  const found = document.querySelector("copy-button button");
  if (!(found instanceof HTMLButtonElement)) throw new Error("no button");
  return found;
}

test("the text is copied without the spaces around it, and that is said", async () => {
  const writeText = vi.fn().mockResolvedValue(undefined);
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  button().click();
  await vi.waitFor(() => {
    expect(document.querySelector("[role=status]")?.textContent).toBe("Copied");
  });
  expect(writeText).toHaveBeenCalledWith("e1 status");
  expect(button().getAttribute("aria-label")).toBe("Copy the command");
});

test("where the browser has no clipboard, as over plain HTTP, the user is told what to press", async () => {
  vi.stubGlobal("navigator", {});
  button().click();
  await vi.waitFor(() => {
    expect(document.querySelector("[role=status]")?.textContent).toContain("press Control C");
  });
});

test("today's moments show the clock, others their date, older ones their year", () => {
  const now = new Date(2026, 10, 23, 15, 0);
  expect(show(new Date(2026, 10, 23, 9, 5), now)).toMatch(/^today /);
  expect(show(new Date(2026, 2, 1, 9, 5), now)).not.toMatch(/today|2026/);
  expect(show(new Date(2025, 2, 1, 9, 5), now)).toMatch(/2025/);
});

test("the system decides where nobody has chosen", () => {
  expect(resolve("auto", true)).toBe("dark");
  expect(resolve("auto", false)).toBe("light");
  expect(resolve("light", true)).toBe("light");
  expect(resolve("dark", false)).toBe("dark");
});

function opened(): HTMLDetailsElement {
  document.body.innerHTML =
    '<account-menu><details open><summary>admin</summary><a href="#">Quota</a></details></account-menu><a id="other" href="#">x</a>';
  const found = document.querySelector("details");
  if (!found) throw new Error("no details");
  return found;
}

test("the account closes on Escape, and focus goes back to what opened it", () => {
  const menu = opened();
  const link = menu.querySelector("a");
  link?.focus();
  link?.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect(menu.open).toBe(false);
  expect(document.activeElement).toBe(menu.querySelector("summary"));
});

test("a logout forgets what this tab keeps, and the theme stays", () => {
  sessionStorage.setItem("new-job", "MKTAYIAKQR");
  localStorage.setItem("theme", "dark");
  document.body.innerHTML = "<account-menu><details open><form><button>Log out</button></form></details></account-menu>";
  document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true }));
  expect(sessionStorage.length).toBe(0);
  expect(localStorage.getItem("theme")).toBe("dark");
});

test("the account closes when focus or the pointer go elsewhere, and only then", () => {
  const menu = opened();
  const link = menu.querySelector("a");
  link?.dispatchEvent(new FocusEvent("focusout", { relatedTarget: menu.querySelector("summary"), bubbles: true }));
  link?.dispatchEvent(new FocusEvent("focusout", { relatedTarget: null, bubbles: true })); // the window was left
  link?.dispatchEvent(new Event("pointerdown", { bubbles: true }));
  expect(menu.open).toBe(true);
  link?.dispatchEvent(new FocusEvent("focusout", { relatedTarget: document.getElementById("other"), bubbles: true }));
  expect(menu.open).toBe(false);
  menu.open = true;
  document.body.dispatchEvent(new Event("pointerdown", { bubbles: true }));
  expect(menu.open).toBe(false);
});
