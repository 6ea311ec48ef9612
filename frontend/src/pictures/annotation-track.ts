// <annotation-track>: features of a protein, such as domains, under the same part of the axis as the heat map above. Left
// and right arrows go from feature to feature, up and down from row to row. Enter chooses the first position of the
// feature (event `cell-chosen`).
import type { Cell } from "./heat";
import { type Context2d, FONT, Picture } from "./picture";
import { showing, type Span, whole } from "./span";
import type { Mark, TrackRow } from "./track-data";

export interface Tracks {
  rows: readonly TrackRow[];
  columns: number;
}

const LEFT = 34;
const RIGHT = 8;
const TOP = 4;
const ROW = 22;
const TITLE = 13; // above the row of a kind
const BOX = 14;

/** Okabe and Ito's colours, for light and for dark grounds. Names and rows carry the meaning. */
const FILLS: readonly (readonly [string, string])[] = [
  ["#56b4e9", "#2f6f96"],
  ["#e69f00", "#8a6000"],
  ["#009e73", "#00664b"],
  ["#cc79a7", "#8a4a6e"],
  ["#d55e00", "#8f4000"],
  ["#f0e442", "#8c8520"],
];

export class AnnotationTrack extends Picture {
  private data: Tracks | null = null;
  private stretch: Span = whole(1);
  private cursor = { row: 0, mark: 0 };
  private chosen: number | null = null;

  set tracks(tracks: Tracks) {
    this.data = tracks;
    this.stretch = whole(tracks.columns);
    this.hidden = !tracks.rows.length;
    this.redraw();
  }

  set span(span: Span) {
    this.stretch = span;
    this.redraw();
  }

  set column(column: number | null) {
    this.chosen = column;
    this.redraw();
  }

  protected get filled(): boolean {
    return Boolean(this.data?.rows.length);
  }

  protected height(): number {
    return this.tops().at(-1) ?? 0;
  }

  /** Returns where each row begins, and the end of the last one. */
  private tops(): number[] {
    const found = [TOP];
    for (const row of this.data?.rows ?? []) found.push((found.at(-1) ?? 0) + (row.title ? TITLE : 0) + ROW);
    return found;
  }

  protected paint(context: Context2d, width: number): void {
    const { data, stretch } = this;
    if (!data) return;
    const room = width - LEFT - RIGHT;
    const across = room / (stretch.to - stretch.from);
    const tops = this.tops();
    let colour = -1;
    context.font = FONT;
    for (const [at, row] of data.rows.entries()) {
      let top = tops[at] ?? 0;
      if (row.title) {
        colour += 1;
        context.fillStyle = this.colours.quiet;
        context.textAlign = "left";
        context.textBaseline = "top";
        context.fillText(row.title, LEFT, top);
        top += TITLE;
      }
      context.save();
      context.beginPath();
      context.rect(LEFT, top, room, ROW);
      context.clip();
      const fills = FILLS[colour % FILLS.length];
      for (const [number, mark] of row.marks.entries()) {
        if (mark.to < stretch.from || mark.from >= stretch.to) continue;
        const x = LEFT + (mark.from - stretch.from) * across;
        const box = { x, y: top + 3, width: Math.max(2, (mark.to + 1 - mark.from) * across), height: BOX };
        context.fillStyle = (fills ?? FILLS[0])?.[this.colours.dark ? 1 : 0] ?? this.colours.accent;
        this.fill(context, mark, box);
        this.label(context, mark, box, room);
        if (this.focused && this.cursor.row === at && this.cursor.mark === number) {
          context.strokeStyle = this.colours.text;
          context.lineWidth = 2;
          context.strokeRect(box.x, box.y - 2, box.width, box.height + 4);
        }
      }
      context.restore();
    }
    if (this.chosen !== null && this.chosen >= stretch.from && this.chosen < stretch.to) {
      context.strokeStyle = this.colours.text;
      context.lineWidth = 1;
      context.strokeRect(LEFT + (this.chosen - stretch.from) * across, TOP, Math.max(across, 2), (tops.at(-1) ?? 0) - TOP);
    }
  }

  private fill(context: Context2d, mark: Mark, box: { x: number; y: number; width: number; height: number }): void {
    if (mark.shape !== "strand") {
      context.beginPath();
      context.roundRect(box.x, box.y, box.width, box.height, mark.shape === "helix" ? BOX / 2 : 2);
      context.fill();
      return;
    }
    const tip = Math.min(box.width, BOX);
    const [middle, shaft] = [box.y + box.height / 2, box.height / 4];
    context.beginPath();
    context.moveTo(box.x, middle - shaft);
    context.lineTo(box.x + box.width - tip, middle - shaft);
    context.lineTo(box.x + box.width - tip, box.y);
    context.lineTo(box.x + box.width, middle);
    context.lineTo(box.x + box.width - tip, box.y + box.height);
    context.lineTo(box.x + box.width - tip, middle + shaft);
    context.lineTo(box.x, middle + shaft);
    context.closePath();
    context.fill();
  }

  /** Writes the name into the part of its box that is in view, if it fits. */
  private label(context: Context2d, mark: Mark, box: { x: number; y: number; width: number }, room: number): void {
    if (mark.shape !== "box") return;
    const from = Math.max(box.x, LEFT);
    const width = Math.min(box.x + box.width, LEFT + room) - from;
    if (context.measureText(mark.name).width + 6 > width) return;
    context.fillStyle = this.colours.dark ? "#ffffff" : "#000000";
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText(mark.name, from + 3, box.y + BOX / 2);
  }

  private get current(): Mark | null {
    return this.data?.rows[this.cursor.row]?.marks[this.cursor.mark] ?? null;
  }

  protected onKey(event: KeyboardEvent): boolean {
    const rows = this.data?.rows ?? [];
    const last = (rows[this.cursor.row]?.marks.length ?? 1) - 1;
    switch (event.key) {
      case "ArrowLeft":
        return this.goTo(this.cursor.row, this.cursor.mark - 1);
      case "ArrowRight":
        return this.goTo(this.cursor.row, this.cursor.mark + 1);
      case "ArrowUp":
        return this.goTo(this.cursor.row - 1, 0);
      case "ArrowDown":
        return this.goTo(this.cursor.row + 1, 0);
      case "Home":
        return this.goTo(this.cursor.row, 0);
      case "End":
        return this.goTo(this.cursor.row, last);
      case "Enter":
      case " ":
        return this.choose();
      default:
        return false;
    }
  }

  private goTo(row: number, mark: number): boolean {
    const rows = this.data?.rows ?? [];
    const at = Math.min(rows.length - 1, Math.max(0, row));
    this.cursor = { row: at, mark: Math.min((rows[at]?.marks.length ?? 1) - 1, Math.max(0, mark)) };
    if (this.current && this.data) {
      this.stretch = showing(this.stretch, this.data.columns, this.current.from);
      this.dispatchEvent(new CustomEvent<Span>("span-changed", { detail: this.stretch, bubbles: true }));
    }
    return true;
  }

  private choose(): boolean {
    const mark = this.current;
    if (mark) this.dispatchEvent(new CustomEvent<Cell>("cell-chosen", { detail: { row: 0, column: mark.from }, bubbles: true }));
    return true;
  }

  private at(x: number, y: number): { row: number; mark: number } | null {
    const tops = this.tops();
    const row = tops.findIndex((top, at) => y >= top && y < (tops[at + 1] ?? top));
    const across = (this.stage.clientWidth - LEFT - RIGHT) / (this.stretch.to - this.stretch.from);
    const column = Math.floor((x - LEFT) / across + this.stretch.from);
    const mark = this.data?.rows[row]?.marks.findIndex((one) => column >= one.from && column <= one.to) ?? -1;
    return x < LEFT || mark < 0 ? null : { row, mark };
  }

  protected focusText(): string {
    return this.current?.words ?? "";
  }

  protected hoverText(x: number, y: number): string {
    const found = this.at(x, y);
    return found ? (this.data?.rows[found.row]?.marks[found.mark]?.words ?? "") : "";
  }

  protected onClick(x: number, y: number): void {
    const found = this.at(x, y);
    if (!found) return;
    this.cursor = found;
    this.choose();
  }
}

customElements.define("annotation-track", AnnotationTrack);
