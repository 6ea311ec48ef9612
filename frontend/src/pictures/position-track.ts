// <position-track>: one number for each position, such as the mean score, under the same part of the axis as the heat map
// above it. Left and right arrows, Home and End move along, Enter chooses (event `cell-chosen`).
import type { Cell } from "./heat";
import { digitsFor, roundSteps, shown } from "./numbers";
import { type Context2d, FONT, Picture } from "./picture";
import { labels, showing, type Span, whole } from "./span";

export interface Track {
  values: readonly number[]; // NaN if missing
  names: readonly string[]; // the labels of the residues
  title: string;
  describe: (at: number) => string;
}

const LEFT = 34;
const RIGHT = 8;
const TOP = 20;
const HEIGHT = 110;
const AXIS = 22;

export class PositionTrack extends Picture {
  private data: Track | null = null;
  private stretch: Span = whole(1);
  private cursor = 0;
  private chosen: number | null = null;

  set track(track: Track) {
    this.data = track;
    this.stretch = whole(track.values.length);
    this.redraw();
  }

  set span(span: Span) {
    this.stretch = span;
    this.redraw();
  }

  set column(column: number | null) {
    this.chosen = column;
    if (column !== null) this.cursor = column;
    this.redraw();
  }

  protected get filled(): boolean {
    return this.data !== null;
  }

  protected height(): number {
    return TOP + HEIGHT + AXIS;
  }

  protected paint(context: Context2d, width: number): void {
    const track = this.data;
    if (!track) return;
    const across = (width - LEFT - RIGHT) / (this.stretch.to - this.stretch.from);
    const known = track.values.filter(Number.isFinite);
    const low = Math.min(0, ...known);
    const high = Math.max(0, ...known);
    const y = (value: number) => TOP + ((high - value) / (high - low || 1)) * HEIGHT;
    context.font = FONT;
    context.fillStyle = this.colours.quiet;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(track.title, LEFT, 2);
    this.drawScale(context, width, low, high, y);
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, width - LEFT - RIGHT, TOP + HEIGHT);
    context.clip();
    for (let at = Math.floor(this.stretch.from); at < Math.min(track.values.length, this.stretch.to); at += 1) {
      const value = track.values[at] ?? NaN;
      if (!Number.isFinite(value)) continue;
      const x = LEFT + (at - this.stretch.from) * across;
      context.fillStyle = at === this.chosen ? this.colours.text : this.colours.accent;
      context.fillRect(x, Math.min(y(0), y(value)), Math.max(across - (across > 4 ? 1 : 0), 0.7), Math.abs(y(value) - y(0)));
    }
    context.restore();
    this.drawNumbers(context, track, width, across);
    for (const at of [this.chosen, this.focused ? this.cursor : null]) {
      if (at === null || at < this.stretch.from || at >= this.stretch.to) continue;
      context.strokeStyle = this.colours.text;
      context.lineWidth = at === this.chosen ? 1.5 : 2;
      context.strokeRect(LEFT + (at - this.stretch.from) * across - 1, TOP - 1, Math.max(across, 2) + 2, HEIGHT + 2);
    }
  }

  private drawScale(context: Context2d, width: number, low: number, high: number, y: (value: number) => number): void {
    const steps = roundSteps(low, high, 3);
    const digits = digitsFor(Math.abs((steps[1] ?? 1) - (steps[0] ?? 0)));
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const step of steps) {
      context.fillStyle = this.colours.text;
      context.fillText(shown(step, digits), LEFT - 5, y(step));
      context.fillStyle = step === 0 ? this.colours.quiet : this.colours.line;
      context.fillRect(LEFT, y(step), width - LEFT - RIGHT, 1);
    }
  }

  private drawNumbers(context: Context2d, track: Track, width: number, across: number): void {
    context.fillStyle = this.colours.text;
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const [at, name] of labels(this.stretch, track.names, width - LEFT - RIGHT, 44)) {
      const x = LEFT + (at - this.stretch.from + 0.5) * across;
      context.fillRect(x, TOP + HEIGHT, 1, 4);
      context.fillText(name, x, TOP + HEIGHT + 6);
    }
  }

  protected onKey(event: KeyboardEvent): boolean {
    const last = (this.data?.values.length ?? 1) - 1;
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -last, End: last };
    if (event.key === "Enter" || event.key === " ") return this.choose();
    const step = steps[event.key];
    if (step === undefined) return false;
    this.cursor = Math.min(last, Math.max(0, this.cursor + step));
    this.stretch = showing(this.stretch, last + 1, this.cursor);
    return true;
  }

  private choose(): boolean {
    this.dispatchEvent(new CustomEvent<Cell>("cell-chosen", { detail: { row: 0, column: this.cursor }, bubbles: true }));
    return true;
  }

  private at(x: number): number | null {
    const across = (this.stage.clientWidth - LEFT - RIGHT) / (this.stretch.to - this.stretch.from);
    const at = Math.floor((x - LEFT) / across + this.stretch.from);
    return x >= LEFT && at >= 0 && at < (this.data?.values.length ?? 0) ? at : null;
  }

  protected focusText(): string {
    return this.data?.describe(this.cursor) ?? "";
  }

  protected hoverText(x: number): string {
    const at = this.at(x);
    return at === null ? "" : (this.data?.describe(at) ?? "");
  }

  protected onClick(x: number): void {
    const at = this.at(x);
    if (at === null) return;
    this.cursor = at;
    this.choose();
  }
}

customElements.define("position-track", PositionTrack);
