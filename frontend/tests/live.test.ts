// Live parts of a page: what is said of the service, and what a morph leaves alone.
import { Idiomorph } from "idiomorph/htmx";
import { beforeEach, expect, test, vi } from "vitest";
import { keepWhatIsInHand } from "../src/lib/morphs";
import { followSessions } from "../src/lib/sessions";

// happy-dom has none, and htmx looks for its attributes with one.
vi.hoisted(() => {
  const nothing = { evaluate: () => ({ iterateNext: () => null }) };
  Object.assign(globalThis, { XPathEvaluator: class { createExpression = () => nothing } });
});

function found(selector: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(selector);
  if (!element) throw new Error(`no ${selector}`);
  return element;
}

document.body.innerHTML = '<div id="connection"></div><div id="live"></div>';
followSessions();
keepWhatIsInHand();
const notice = found("#connection");
const live = found("#live");

beforeEach(() => {
  notice.textContent = "";
});

/** As htmx does it: the event of an error comes first, the one of an answer after any. */
function answer(status: number): void {
  const send = (name: string) => live.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { xhr: { status } } }));
  if (status >= 400) send("htmx:responseError");
  send("htmx:afterOnLoad");
}

test("an error of the service is said until it answers again", () => {
  answer(502);
  expect(notice.textContent).toContain("an error (502)");
  answer(204);
  expect(notice.textContent).toBe("");
});

test("a service that does not answer in time is said to be away, until it answers anything", () => {
  live.dispatchEvent(new CustomEvent("htmx:timeout", { bubbles: true }));
  expect(notice.textContent).toContain("does not answer");
  answer(404);
  expect(notice.textContent).toBe("");
});

const worker = "<details><summary>abc</summary>abcdef</details><p class='old'>1</p>";

test("what was opened stays open over a morph, which changes the rest", () => {
  live.innerHTML = worker;
  const details = found("#live details");
  details.setAttribute("open", "");
  Idiomorph.morph(live, worker.replace(" class='old'>1", ">2"), { morphStyle: "innerHTML" });
  expect(live.querySelector("details")).toBe(details);
  expect(details.hasAttribute("open")).toBe(true);
  expect(live.querySelector("p")?.outerHTML).toBe("<p>2</p>");
});

test("a section that was given the focus keeps it over a morph, and is as the server writes it afterwards", () => {
  const section = "<section aria-labelledby='state'><h2 id='state'>State</h2></section>";
  live.innerHTML = section.replace(">State<", ">Before<");
  const home = found("#live section");
  home.tabIndex = -1;
  home.focus();
  Idiomorph.morph(live, section, { morphStyle: "innerHTML" });
  expect(home.getAttribute("tabindex")).toBe("-1");
  expect(home.textContent).toBe("State");
  home.blur();
  Idiomorph.morph(live, section, { morphStyle: "innerHTML" });
  expect(home.hasAttribute("tabindex")).toBe(false);
});

test("what is being typed or chosen stays over a morph, and everything else is renewed", () => {
  const form = (value: string, chosen: string): string =>
    `<input id="typed" value="${value}"><input id="other" value="${value}"><select id="choice">` +
    ["a", "b"].map((one) => `<option${one === chosen ? " selected" : ""}>${one}</option>`).join("") +
    "</select>";
  live.innerHTML = form("old", "a");
  const typed = found("#typed") as HTMLInputElement;
  typed.focus();
  typed.value = "new wo";
  Idiomorph.morph(live, form("sent", "a"), { morphStyle: "innerHTML" });
  expect(typed.value).toBe("new wo");
  expect((found("#other") as HTMLInputElement).value).toBe("sent");
  const choice = found("#choice") as HTMLSelectElement;
  choice.focus();
  choice.value = "b";
  Idiomorph.morph(live, form("sent", "a"), { morphStyle: "innerHTML" });
  expect(choice.value).toBe("b");
});
