// <bar-chart for="TABLE">: draws the table of that id, whose rows are: name of the bar, number. Without scripts only the
// table is shown; with them it is the table view. Arrow keys, Home and End move along the bars.
import { roundSteps, shown } from "./numbers";
import { type Context2d, FONT, Picture } from "./picture";

interface Bar {
  name: string;
  value: number;
  marked: boolean; // the bar that the page shows
}

const LEFT = 52;
const RIGHT = 8;
const TOP = 8;
const HEIGHT = 180;
const AXIS = 40;

/** Reads the bars from a table's body: a head cell with the name, then the number, which may have commas. */
export function barsOf(table: HTMLTableElement): Bar[] {
  return [...table.querySelectorAll<HTMLTableRowElement>("tbody tr")].map((row) => ({
    name: row.cells[0]?.textContent.trim() ?? "",
    value: Number(row.cells[1]?.dataset.value ?? row.cells[1]?.textContent.replaceAll(",", "") ?? NaN),
    marked: row.hasAttribute("data-marked"),
  }));
}

/** Returns the bars with a number below: those that begin at round numbers, at least `apart` bars apart. */
export function labelled(firsts: readonly number[], apart: number): number[] {
  const width = (firsts[1] ?? NaN) - (firsts[0] ?? NaN);
  if (!(width > 0)) return firsts.length ? [0] : [];
  const power = 10 ** Math.floor(Math.log10(apart * width));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one > apart * width * (1 - 1e-9)) ?? 10 * power;
  return [...firsts.keys()].filter((at) => {
    const steps = (firsts[at] ?? NaN) / step;
    return Math.abs(steps - Math.round(steps)) < 1e-6;
  });
}

export class BarChart extends Picture {
  private bars: Bar[] = [];
  private cursor = 0;

  override connectedCallback(): void {
    const first = !this.tools.childElementCount;
    super.connectedCallback();
    const table = document.getElementById(this.getAttribute("for") ?? "");
    if (table instanceof HTMLTableElement) this.bars = barsOf(table);
    if (first) this.pngButton();
    this.redraw();
  }

  protected get filled(): boolean {
    return this.bars.length > 0;
  }

  protected height(): number {
    return TOP + HEIGHT + AXIS;
  }

  private across(width: number): number {
    return (width - LEFT - RIGHT) / this.bars.length;
  }

  protected paint(context: Context2d, width: number): void {
    const top = Math.max(...this.bars.map((bar) => bar.value), 0) || 1;
    const across = this.across(width);
    context.font = FONT;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const step of roundSteps(0, top, 4)) {
      const y = TOP + HEIGHT * (1 - step / top);
      context.fillStyle = this.colours.line;
      context.fillRect(LEFT, y, width - LEFT - RIGHT, 1);
      context.fillStyle = this.colours.text;
      context.fillText(step.toLocaleString("en"), LEFT - 6, y);
    }
    for (const [at, bar] of this.bars.entries()) {
      const high = (bar.value / top) * HEIGHT;
      const x = LEFT + at * across;
      context.fillStyle = this.colours.accent;
      context.fillRect(x + 0.5, TOP + HEIGHT - high, Math.max(across - 1, 0.7), high);
      if (bar.marked) this.drawMarked(context, x, across, high);
      if (this.focused && at === this.cursor) {
        context.strokeStyle = this.colours.text;
        context.lineWidth = 2;
        context.strokeRect(x, TOP, across, HEIGHT);
      }
    }
    this.drawNames(context, width, across);
  }

  private drawMarked(context: Context2d, x: number, across: number, high: number): void {
    context.fillStyle = this.colours.text;
    context.fillRect(x + across / 2 - 1, TOP, 2, HEIGHT - high);
  }

  private drawNames(context: Context2d, width: number, across: number): void {
    context.fillStyle = this.colours.text;
    context.textAlign = "center";
    context.textBaseline = "top";
    const firsts = this.bars.map((bar) => Number(bar.name.split(" ")[0]?.replaceAll(",", "").replace("−", "-")));
    const longest = Math.max(...this.bars.map((bar) => context.measureText(bar.name.split(" ")[0] ?? "").width));
    for (const at of labelled(firsts, Math.ceil((longest + 10) / across))) {
      const name = this.bars[at]?.name.split(" ")[0] ?? "";
      context.fillRect(LEFT + at * across, TOP + HEIGHT, 1, 4); // a bar begins there
      context.fillText(name, LEFT + at * across, TOP + HEIGHT + 6);
    }
    context.fillStyle = this.colours.quiet;
    context.fillText(this.getAttribute("axis") ?? "", LEFT + (width - LEFT - RIGHT) / 2, TOP + HEIGHT + 22);
  }

  protected onKey(event: KeyboardEvent): boolean {
    const last = this.bars.length - 1;
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, Home: -last, End: last };
    const step = steps[event.key];
    if (step === undefined) return false;
    this.cursor = Math.min(last, Math.max(0, this.cursor + step));
    return true;
  }

  private describe(at: number): string {
    const bar = this.bars[at];
    if (!bar) return "";
    const number = Number.isInteger(bar.value) ? bar.value.toLocaleString("en") : shown(bar.value, 3);
    return `${bar.name}: ${number}${bar.marked ? " (marked)" : ""}`;
  }

  protected focusText(): string {
    return this.describe(this.cursor);
  }

  private at(x: number): number {
    return Math.floor((x - LEFT) / this.across(this.stage.clientWidth));
  }

  protected hoverText(x: number): string {
    return this.describe(this.at(x));
  }

  protected onClick(x: number): void {
    const at = this.at(x);
    if (this.bars[at]) this.cursor = at;
  }
}

customElements.define("bar-chart", BarChart);
