// <sequence-logo>: predicted probabilities at a stretch of positions. The height of a stack is its information content in
// bits; a letter's share of it is its probability. Arrow keys, Home and End move along, Enter chooses (`cell-chosen`).
import type { Cell } from "./heat";
import { digitsFor, information, roundSteps, shown } from "./numbers";
import { type Context2d, FONT, Picture } from "./picture";
import { showing, type Span } from "./span";

export interface Logo {
  letters: readonly string[]; // of the columns
  shares: readonly (readonly number[])[]; // [positions][letters]
  names: readonly string[]; // the labels of the residues
  wild: readonly string[];
}

const LEFT = 34;
const RIGHT = 8;
const TOP = 20;
const HEIGHT = 130;
const AXIS = 36;
const WIDTH = 20; // pixels of a letter at least
const BITS = Math.log2(20);
const LEAST_BITS = 0.5; // of the scale: the smallest height of the axis
const SMALLEST = 0.03; // of the stack: thinner letters cannot be read

/** Okabe and Ito's colours by the residues' chemistry. The letters carry the meaning. */
const GROUPS: readonly (readonly [string, string, string])[] = [
  ["AVLIMFWYC", "#8a5a00", "#e69f00"],
  ["GPSTNQ", "#00664b", "#2fc79b"],
  ["DE", "#a63f00", "#f58a4b"],
  ["KRH", "#00568f", "#6fbdf0"],
];

export class SequenceLogo extends Picture {
  private data: Logo | null = null;
  private cursor = 0;
  private start = 0;
  private chosen: number | null = null;
  private top = BITS; // of the scale, in bits

  set logo(logo: Logo) {
    this.data = logo;
    const most = Math.max(LEAST_BITS, ...logo.shares.map(information));
    this.top = Math.min(BITS, Math.ceil(2 * most) / 2);
    this.redraw();
  }

  /** Shows a stretch of positions from the beginning of this part, as the heat map above does. */
  set span(span: Span) {
    this.start = Math.round(span.from);
    this.redraw();
  }

  /** Centres the position that the page shows. */
  set column(column: number | null) {
    this.chosen = column;
    if (column !== null) {
      this.cursor = column;
      const part = this.stretch(this.stage.clientWidth);
      if (column < part.from || column + 1 > part.to) this.start = column - Math.floor((part.to - part.from) / 2);
    }
    this.redraw();
  }

  protected get filled(): boolean {
    return this.data !== null;
  }

  protected height(): number {
    return TOP + HEIGHT + AXIS;
  }

  private stretch(width: number): Span {
    const total = this.data?.names.length ?? 1;
    const room = Math.max(1, Math.min(total, Math.floor((width - LEFT - RIGHT) / WIDTH)));
    const from = Math.min(Math.max(0, this.start), total - room);
    return { from, to: from + room };
  }

  private across(width: number): number {
    const part = this.stretch(width);
    return Math.min(2 * WIDTH, (width - LEFT - RIGHT) / (part.to - part.from));
  }

  protected paint(context: Context2d, width: number): void {
    const logo = this.data;
    if (!logo) return;
    const part = this.stretch(width);
    const across = this.across(width);
    context.font = FONT;
    context.fillStyle = this.colours.quiet;
    context.textAlign = "left";
    context.textBaseline = "top";
    const [first, last] = [logo.names[part.from] ?? "", logo.names[part.to - 1] ?? ""];
    context.fillText(`Information in bits, positions ${first} to ${last}`, LEFT, 2);
    context.textAlign = "right";
    context.textBaseline = "middle";
    const steps = roundSteps(0, this.top, 4);
    for (const bits of steps) {
      const y = TOP + HEIGHT * (1 - bits / this.top);
      context.fillStyle = this.colours.text;
      context.fillText(shown(bits, digitsFor(steps[1] ?? 1)), LEFT - 6, y);
      context.fillStyle = this.colours.line;
      context.fillRect(LEFT, y, across * (part.to - part.from), 1);
    }
    for (let at = part.from; at < part.to; at += 1) {
      const x = LEFT + (at - part.from) * across;
      this.drawStack(context, logo, at, x, across);
      this.drawNumber(context, logo, at, x + across / 2, at === part.from || Number(logo.names[at]) % 5 === 0);
      if (at !== this.chosen && !(this.focused && at === this.cursor)) continue;
      context.strokeStyle = this.colours.text;
      context.lineWidth = at === this.chosen ? 1.5 : 2;
      context.strokeRect(x + 0.5, TOP, across - 1, HEIGHT + 18);
    }
  }

  private drawStack(context: Context2d, logo: Logo, at: number, x: number, across: number): void {
    const shares = logo.shares[at];
    if (!shares) return;
    const high = (information(shares) / this.top) * HEIGHT;
    const order = shares.map((_, column) => column).sort((a, b) => (shares[a] ?? 0) - (shares[b] ?? 0));
    let y = TOP + HEIGHT;
    for (const column of order) {
      const share = shares[column] ?? 0;
      const letter = logo.letters[column] ?? "";
      if (share > SMALLEST && share * high > 1.5) drawLetter(context, letter, { x, y, width: across, height: share * high }, this.colour(letter));
      y -= share * high;
    }
  }

  private drawNumber(context: Context2d, logo: Logo, at: number, x: number, numbered: boolean): void {
    context.fillStyle = this.colours.text;
    context.font = FONT;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(logo.wild[at] ?? "", x, TOP + HEIGHT + 3);
    if (numbered) context.fillText(logo.names[at] ?? "", x, TOP + HEIGHT + 20);
  }

  private colour(letter: string): string {
    const [, light, dark] = GROUPS.find(([letters]) => letters.includes(letter)) ?? ["", "#000000", "#ffffff"];
    return this.colours.dark ? dark : light;
  }

  protected onKey(event: KeyboardEvent): boolean {
    const last = (this.data?.names.length ?? 1) - 1;
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -last, End: last };
    if (event.key === "Enter" || event.key === " ") return this.choose();
    const step = steps[event.key];
    if (step === undefined) return false;
    this.cursor = Math.min(last, Math.max(0, this.cursor + step));
    this.start = showing(this.stretch(this.stage.clientWidth), last + 1, this.cursor).from;
    return true;
  }

  private choose(): boolean {
    this.dispatchEvent(new CustomEvent<Cell>("cell-chosen", { detail: { row: 0, column: this.cursor }, bubbles: true }));
    return true;
  }

  private at(x: number): number | null {
    const width = this.stage.clientWidth;
    const part = this.stretch(width);
    const at = part.from + Math.floor((x - LEFT) / this.across(width));
    return at >= part.from && at < part.to ? at : null;
  }

  private describe(at: number): string {
    const logo = this.data;
    const shares = logo?.shares[at];
    if (!logo || !shares) return "";
    const best = shares.map((share, column) => ({ share, letter: logo.letters[column] })).sort((a, b) => b.share - a.share);
    const named = best.slice(0, 3).map(({ share, letter }) => `${letter ?? ""} ${shown(100 * share, 1)} %`);
    return `Position ${logo.names[at] ?? ""} (${logo.wild[at] ?? ""}): ${named.join(", ")}; ${shown(information(shares))} bits`;
  }

  protected focusText(): string {
    return this.describe(this.cursor);
  }

  protected hoverText(x: number): string {
    const at = this.at(x);
    return at === null ? "" : this.describe(at);
  }

  protected onClick(x: number): void {
    const at = this.at(x);
    if (at === null) return;
    this.cursor = at;
    this.choose();
  }
}

/** A letter stretched to a box whose lower left corner is (x, y). */
function drawLetter(context: Context2d, letter: string, box: { x: number; y: number; width: number; height: number }, colour: string): void {
  context.save();
  context.font = "bold 40px Arial, Helvetica, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  const size = context.measureText(letter);
  const wide = size.actualBoundingBoxRight + size.actualBoundingBoxLeft;
  const high = size.actualBoundingBoxAscent + size.actualBoundingBoxDescent;
  context.translate(box.x + 1, box.y);
  context.scale((box.width - 2) / wide, box.height / high);
  context.fillStyle = colour;
  context.fillText(letter, size.actualBoundingBoxLeft, -size.actualBoundingBoxDescent);
  context.restore();
}

customElements.define("sequence-logo", SequenceLogo);
