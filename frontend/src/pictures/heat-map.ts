// <heat-map>: numbers in rows and columns as colours. The page's script sets `heat`; the event `cell-chosen` has row and
// column. Arrow keys move the focus, Home and End go to the ends of a row, plus, minus and 0 zoom, Enter chooses.
// Where cells may be picked, a click or Space picks one, and Shift with a click, a drag or arrows a range: `cells-picked`.
// All cells are painted once; moving and zooming copy that painting.
import {
  type Box,
  boxOf,
  drawAxes,
  drawCells,
  drawChosen,
  drawFocus,
  drawLetters,
  drawPicked,
  LETTERS,
  paintCells,
  type Plot,
  type View,
} from "./heat-drawing";
import { AXIS, type Cell, type Heat, LEFT, RIGHT, ROW, TOP } from "./heat";
import { drawLegend, legendHeight } from "./legend";
import { type Context2d, Picture } from "./picture";
import { moved, showing, type Span, whole, zoomed } from "./span";

const SQUARE = 640; // pixels at most

export class HeatMap extends Picture {
  private data: Heat | null = null;
  private columnSpan: Span = whole(1);
  private rowSpan: Span = whole(1);
  private cursor: Cell = { row: 0, column: 0 };
  private chosenColumn: number | null = null;
  private painted: HTMLCanvasElement | null = null;
  private paintedDark: boolean | null = null;
  private drag: { x: number; y: number; moved: boolean } | null = null;
  private anchor: Cell | null = null; // where a range begins
  private chosenCells: readonly Cell[] = [];

  override connectedCallback(): void {
    const first = !this.stage.isConnected && !this.tools.childElementCount;
    super.connectedCallback();
    if (!first) return;
    this.button("Zoom in", "", () => {
      this.zoom(0.5);
    });
    this.button("Zoom out", "", () => {
      this.zoom(2);
    });
    this.button("Show all", "", () => {
      this.zoom(Infinity);
    });
    this.pngButton();
    this.followPointer();
  }

  get heat(): Heat | null {
    return this.data;
  }

  set heat(heat: Heat | null) {
    const kept = this.data !== null && this.data.columns === heat?.columns;
    this.data = heat;
    this.painted = null;
    if (heat && !kept) {
      this.columnSpan = whole(heat.columns);
      this.rowSpan = whole(heat.rows);
    }
    this.redraw();
  }

  /** The column that the page shows, such as the position in its address; null for none. */
  set column(column: number | null) {
    this.chosenColumn = column;
    if (column !== null && this.data && column !== this.cursor.column) {
      this.cursor = { ...this.cursor, column };
      this.columnSpan = showing(this.columnSpan, this.data.columns, column);
    }
    this.redraw();
  }

  /** The cells that are picked. */
  set picked(cells: readonly Cell[]) {
    this.chosenCells = cells;
    this.redraw();
  }

  /** The part of the columns that is shown. */
  set span(span: Span) {
    this.columnSpan = span;
    this.redraw();
  }

  /** Returns the place of a cell on the canvas in CSS pixels, for tests and for elements beside it. */
  cellBox(row: number, column: number): Box {
    const plot = this.plot(this.stage.clientWidth);
    return boxOf({ plot, across: this.columnSpan, down: this.rowSpan }, row, column);
  }

  protected get filled(): boolean {
    return this.data !== null;
  }

  protected height(width: number): number {
    const plot = this.plot(width);
    return TOP + plot.height + this.axis + legendHeight(plot.width);
  }

  private get axis(): number {
    return AXIS + (this.data?.letters ? LETTERS : 0);
  }

  private plot(width: number): Plot {
    const room = width - LEFT - RIGHT;
    const heat = this.data;
    if (!heat?.square) return { left: LEFT, top: TOP, width: room, height: (heat?.rowHeight ?? ROW) * (heat?.rows ?? 1) };
    const side = Math.min(room, SQUARE);
    return { left: LEFT, top: TOP, width: side, height: side };
  }

  protected paint(context: Context2d, width: number): void {
    const heat = this.data;
    if (!heat) return;
    const plot = this.plot(width);
    const view: View = { heat, plot, across: this.columnSpan, down: this.rowSpan, colours: this.colours };
    drawCells(context, view, this.cells(heat));
    drawLetters(context, view);
    drawAxes(context, view);
    drawPicked(context, view, this.chosenCells);
    if (this.chosenColumn !== null) drawChosen(context, view, this.chosenColumn);
    const range = this.anchor ? this.range(this.anchor) : [];
    const [first, last] = [range[0], range.at(-1)];
    if (first && last && range.length > 1) {
      const [from, to] = [boxOf(view, first.row, first.column), boxOf(view, last.row, last.column)];
      drawFocus(context, { ...from, width: to.x + to.width - from.x, height: to.y + to.height - from.y });
    } else if (this.focused) drawFocus(context, boxOf(view, this.cursor.row, this.cursor.column));
    const at = { x: plot.left, y: plot.top + plot.height + this.axis, width: Math.min(plot.width, 420) };
    drawLegend(context, { ...heat, ...at }, this.colours);
  }

  /** Returns a canvas with one pixel for each cell, painted once for a theme. */
  private cells(heat: Heat): HTMLCanvasElement {
    if (!this.painted || this.paintedDark !== this.colours.dark) {
      this.painted = paintCells(heat, this.colours.dark);
      this.paintedDark = this.colours.dark;
    }
    return this.painted;
  }

  // --- moving about ---

  protected onKey(event: KeyboardEvent): boolean {
    const heat = this.data;
    if (!heat) return false;
    const { row, column } = this.cursor;
    if (event.key.startsWith("Arrow") && heat.pickable) this.anchor = event.shiftKey ? (this.anchor ?? this.cursor) : null;
    switch (event.key) {
      case "ArrowLeft":
        return this.goTo(row, column - 1);
      case "ArrowRight":
        return this.goTo(row, column + 1);
      case "ArrowUp":
        return this.goTo(row - 1, column);
      case "ArrowDown":
        return this.goTo(row + 1, column);
      case "PageUp":
        return this.goTo(row, column - 10);
      case "PageDown":
        return this.goTo(row, column + 10);
      case "Home":
        return this.goTo(row, 0);
      case "End":
        return this.goTo(row, heat.columns - 1);
      case "+":
      case "=":
        return this.zoom(0.5);
      case "-":
      case "_":
        return this.zoom(2);
      case "0":
        return this.zoom(Infinity);
      case " ":
        return heat.pickable ? this.pick(this.range(this.anchor ?? this.cursor)) : this.choose();
      case "Escape":
        this.anchor = null;
        return true;
      case "Enter":
        return this.choose();
      default:
        return false;
    }
  }

  private goTo(row: number, column: number): boolean {
    const heat = this.data;
    if (!heat) return false;
    this.cursor = {
      row: Math.min(heat.rows - 1, Math.max(0, row)),
      column: Math.min(heat.columns - 1, Math.max(0, column)),
    };
    this.columnSpan = showing(this.columnSpan, heat.columns, this.cursor.column);
    this.rowSpan = showing(this.rowSpan, heat.rows, this.cursor.row);
    this.tellSpan();
    return true;
  }

  private zoom(factor: number, at: Cell = this.cursor): boolean {
    const heat = this.data;
    if (!heat) return false;
    this.columnSpan = zoomed(this.columnSpan, heat.columns, factor, at.column + 0.5);
    if (heat.square) this.rowSpan = zoomed(this.rowSpan, heat.rows, factor, at.row + 0.5);
    this.columnSpan = showing(this.columnSpan, heat.columns, at.column);
    this.tellSpan();
    this.redraw();
    return true;
  }

  private tellSpan(): void {
    this.dispatchEvent(new CustomEvent<Span>("span-changed", { detail: this.columnSpan, bubbles: true }));
  }

  private choose(): boolean {
    this.dispatchEvent(new CustomEvent<Cell>("cell-chosen", { detail: this.cursor, bubbles: true }));
    return true;
  }

  /** Returns the cells of the rectangle between a cell and the focus, from its upper left to its lower right. */
  private range(from: Cell): Cell[] {
    const [top, bottom] = [Math.min(from.row, this.cursor.row), Math.max(from.row, this.cursor.row)];
    const [left, right] = [Math.min(from.column, this.cursor.column), Math.max(from.column, this.cursor.column)];
    const found: Cell[] = [];
    for (let row = top; row <= bottom; row += 1) for (let column = left; column <= right; column += 1) found.push({ row, column });
    return found;
  }

  private pick(cells: readonly Cell[]): boolean {
    const wanted = cells.filter(({ row, column }) => this.data?.pickable?.(row, column));
    this.anchor = null;
    if (wanted.length) this.dispatchEvent(new CustomEvent<readonly Cell[]>("cells-picked", { detail: wanted, bubbles: true }));
    return true;
  }

  private at(x: number, y: number): Cell | null {
    const heat = this.data;
    if (!heat) return null;
    const first = this.cellBox(0, 0);
    const column = Math.floor((x - first.x) / first.width);
    const row = Math.floor((y - first.y) / first.height);
    const plot = this.plot(this.stage.clientWidth);
    const inside = x >= plot.left && x < plot.left + plot.width && y >= plot.top && y < plot.top + plot.height;
    return inside && row >= 0 && row < heat.rows && column >= 0 && column < heat.columns ? { row, column } : null;
  }

  protected focusText(): string {
    return this.data?.describe(this.cursor.row, this.cursor.column) ?? "";
  }

  protected hoverText(x: number, y: number): string {
    const cell = this.at(x, y);
    return cell && this.data ? this.data.describe(cell.row, cell.column) : "";
  }

  protected onClick(x: number, y: number, event: MouseEvent): void {
    const cell = this.at(x, y);
    if (!cell || this.drag?.moved) return;
    const before = this.cursor;
    this.cursor = cell;
    if (this.data?.pickable) this.pick(event.shiftKey ? this.range(before) : [cell]);
    if (!event.shiftKey) this.choose();
  }

  /** Moves the view on dragging, and zooms about the pointer on Ctrl and wheel. */
  private followPointer(): void {
    this.canvas.addEventListener("pointerdown", (event) => {
      const cell = this.at(event.offsetX, event.offsetY);
      if (event.shiftKey && this.data?.pickable && cell && !this.stage.matches(":focus")) this.cursor = cell;
      this.drag = { x: event.clientX, y: event.clientY, moved: false };
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.drag || !event.buttons || !this.data) return;
      const box = this.cellBox(0, 0);
      const [across, down] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
      if (event.shiftKey && this.data.pickable) return; // a range, which ends with the click
      if (!this.drag.moved && Math.abs(across) + Math.abs(down) < 4) return;
      this.columnSpan = moved(this.columnSpan, this.data.columns, -across / box.width);
      if (this.data.square) this.rowSpan = moved(this.rowSpan, this.data.rows, -down / box.height);
      this.drag = { x: event.clientX, y: event.clientY, moved: true };
      this.tellSpan();
      this.redraw();
    });
    this.canvas.addEventListener(
      "wheel",
      (event) => {
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          if (!this.data || this.columnSpan.to - this.columnSpan.from >= this.data.columns) return;
          event.preventDefault();
          this.columnSpan = moved(this.columnSpan, this.data.columns, (event.deltaX || event.deltaY) / this.cellBox(0, 0).width);
          this.tellSpan();
          this.redraw();
          return;
        }
        const cell = event.ctrlKey ? this.at(event.offsetX, event.offsetY) : null;
        if (!cell) return;
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 0.8 : 1.25, cell);
      },
      { passive: false },
    );
  }
}

customElements.define("heat-map", HeatMap);
