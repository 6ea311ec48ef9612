// Focus after its element is gone, such as a button in a renewed part.

/** Returns the id of the heading of an element's section. A swap replaces the section itself. */
function sectionOf(element: Element, part: Element): string {
  const section = element.closest("section[aria-labelledby]");
  return section && part.contains(section) ? (section.getAttribute("aria-labelledby") ?? "") : "";
}

/** Moves lost focus to its old section after a swap, or to the part. */
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
