// Tables that are wider than their place: the edge at which they continue fades, and a sentence above them says so.

/** Marks a region that continues to the right, and shows or hides the sentence before it. */
export function markOverflow(region: HTMLElement): void {
  const hidden = region.scrollWidth - region.clientWidth;
  region.toggleAttribute("data-more", hidden - region.scrollLeft > 1);
  const hint = region.previousElementSibling;
  if (hint instanceof HTMLElement && hint.hasAttribute("data-scroll-hint")) hint.hidden = hidden <= 1;
}

export function followOverflow(): void {
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const region = target.closest<HTMLElement>(".table-responsive");
      if (region) markOverflow(region);
    }
  });
  for (const region of document.querySelectorAll<HTMLElement>(".table-responsive[role=region]")) {
    sizes.observe(region);
    region.addEventListener("scroll", () => { markOverflow(region); }, { passive: true });
  }
}
