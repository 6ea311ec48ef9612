// Where the focus goes when what had it is gone: a button whose moment has passed, in a part that was fetched anew.

/** The section of an element, by the id of its heading: the section itself may be another one after a swap. */
function sectionOf(element: Element, part: Element): string {
  const section = element.closest("section[aria-labelledby]");
  return section && part.contains(section) ? (section.getAttribute("aria-labelledby") ?? "") : "";
}

/** After a swap of a part in which the focus was lost, focus is on the section it was in, else on the part. */
export function keepFocus(): void {
  let lost: { part: HTMLElement; section: string } | null = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = (event as CustomEvent<{ target: HTMLElement }>).detail;
    const focused = document.activeElement;
    lost =
      focused && focused !== target && target.contains(focused)
        ? { part: target, section: sectionOf(focused, target) }
        : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    const was = lost;
    lost = null;
    if (!was || (document.activeElement && document.activeElement !== document.body)) return;
    const sections = [...was.part.querySelectorAll<HTMLElement>("section[aria-labelledby]")];
    const home = sections.find((one) => one.getAttribute("aria-labelledby") === was.section) ?? was.part;
    home.tabIndex = -1;
    home.focus({ preventScroll: true });
  });
}
