// Live parts of a page: what is said of the service.
import { beforeEach, expect, test } from "vitest";
import { followSessions } from "../src/lib/sessions";

function found(selector: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(selector);
  if (!element) throw new Error(`no ${selector}`);
  return element;
}

document.body.innerHTML = '<div id="connection"></div><div id="live"></div>';
followSessions();
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
