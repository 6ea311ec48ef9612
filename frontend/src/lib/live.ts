// Live parts: elements with `data-live` whose htmx trigger is `live`. They are fetched every few seconds.
// The pause is longer with a stream of server-sent ticks, in a final state, and on a hidden page.
import htmx from "htmx.org";
import { keepFocus } from "./focus";
import { type Moment, pause } from "./pause";

const streams = new WeakSet<Element>();

function moment(part: Element): Moment {
  return { hidden: document.hidden, streaming: streams.has(part), final: part.querySelector("[data-final]") !== null };
}

function follow(part: Element): void {
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(look, pause(moment(part)));
  };
  const look = () => {
    if (!part.isConnected) return;
    htmx.trigger(part, "live", {});
    later();
  };
  const stream = part.closest("[sse-connect]") ?? part; // events of a stream are those of the element that opens it
  stream.addEventListener("htmx:sseOpen", () => {
    streams.add(part);
    later();
  });
  for (const ended of ["htmx:sseError", "htmx:sseClose"]) {
    stream.addEventListener(ended, () => {
      streams.delete(part);
      later();
    });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  later();
}

/** Sends the digest of the shown text with each request; the server answers 204 if it has not changed. */
function sayWhatIsSeen(): void {
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, headers } = (event as CustomEvent<{ elt: HTMLElement; headers: Record<string, string> }>).detail;
    if (elt.dataset.seen) headers["E1-Seen"] = elt.dataset.seen;
  });
  document.addEventListener("htmx:afterOnLoad", (event) => {
    const { target, xhr } = (event as CustomEvent<{ target: HTMLElement; xhr: XMLHttpRequest }>).detail;
    const digest = xhr.getResponseHeader("E1-Digest");
    if (digest && "live" in target.dataset) target.dataset.seen = digest;
  });
}

/** Starts all live parts of the page. */
export function followLiveParts(): void {
  sayWhatIsSeen();
  keepFocus();
  for (const part of document.querySelectorAll("[data-live]")) follow(part);
}
