// <axis-scroll>: a scroll bar for the part of an axis that pictures show. Moving it sends `span-changed`. It is hidden
// while everything is in view.
import { moved, type Span, whole } from "./span";

export class AxisScroll extends HTMLElement {
  private readonly wide = document.createElement("div");
  private total = 1;
  private stretch: Span = whole(1);
  private told = 0; // where the bar was put by `span`, so that its own event is no movement

  connectedCallback(): void {
    if (this.wide.isConnected) return;
    this.append(this.wide);
    this.tabIndex = 0;
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Part of the protein that is shown. Scroll sideways to move along.");
    this.addEventListener("scroll", () => {
      if (Math.abs(this.scrollLeft - this.told) < 2) return;
      this.told = this.scrollLeft;
      const room = this.wide.clientWidth - this.clientWidth;
      const share = room > 0 ? this.scrollLeft / room : 0;
      const size = this.stretch.to - this.stretch.from;
      this.stretch = moved(this.stretch, this.total, share * (this.total - size) - this.stretch.from);
      this.dispatchEvent(new CustomEvent<Span>("span-changed", { detail: this.stretch, bubbles: true }));
    });
  }

  /** The number of columns. */
  set columns(total: number) {
    this.total = Math.max(1, total);
    this.span = whole(this.total);
  }

  /** The part of the columns that is shown. */
  set span(span: Span) {
    this.stretch = span;
    const size = span.to - span.from;
    this.hidden = size >= this.total;
    if (this.hidden) return;
    this.wide.style.width = `${(100 * this.total) / size}%`;
    const room = this.wide.clientWidth - this.clientWidth;
    this.told = Math.round((span.from / Math.max(1e-9, this.total - size)) * room);
    if (Math.abs(this.scrollLeft - this.told) >= 2) this.scrollLeft = this.told;
  }
}

customElements.define("axis-scroll", AxisScroll);

const NARROWEST = 2; // pixels of a column at which a long protein begins

/** Returns the part of the axis to begin with: all of it, or of a long protein as much as can be read. */
export function firstPart(columns: number, pixels: number): Span {
  const most = Math.floor(pixels / NARROWEST);
  return pixels > 0 && columns > most ? { from: 0, to: most } : whole(columns);
}
