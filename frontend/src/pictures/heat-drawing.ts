// How a heat map is drawn: cells, signs on them, axes, and what is chosen or has the focus.
import { colourAt, ink, stops } from "./colours";
import type { Cell, Heat, Shape } from "./heat";
import { type Context2d, FONT, MONO, type Palette } from "./picture";
import { labels, type Span } from "./span";

export const LETTERS = 16; // height of the row of letters

export interface Plot {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface View {
  heat: Heat;
  plot: Plot;
  across: Span;
  down: Span;
  colours: Palette;
}

/** Returns the place of a cell in CSS pixels; outside of the plot if it is not visible. */
export function boxOf({ plot, across, down }: Pick<View, "plot" | "across" | "down">, row: number, column: number): Box {
  const width = plot.width / (across.to - across.from);
  const height = plot.height / (down.to - down.from);
  return { x: plot.left + (column - across.from) * width, y: plot.top + (row - down.from) * height, width, height };
}

/** One pixel for each cell. */
export function paintCells(heat: Heat, dark: boolean): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = heat.columns;
  canvas.height = heat.rows;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const image = context.createImageData(heat.columns, heat.rows);
  const colours = stops(heat.scale, dark);
  const { low, high } = heat.limits;
  for (let cell = 0; cell < heat.values.length; cell += 1) {
    const value = heat.values[cell] ?? NaN;
    if (Number.isNaN(value)) continue; // stays transparent: the background shows
    const [red, green, blue] = colourAt(colours, (value - low) / (high - low));
    image.data.set([red, green, blue, 255], 4 * cell);
  }
  context.putImageData(image, 0, 0);
  if (heat.special) paintSpecial(context, heat, heat.special);
  return canvas;
}

function paintSpecial(context: Context2d, heat: Heat, special: NonNullable<Heat["special"]>): void {
  const style = getComputedStyle(document.documentElement);
  for (let row = 0; row < heat.rows; row += 1) {
    for (let column = 0; column < heat.columns; column += 1) {
      const name = special(row, column);
      if (!name) continue;
      context.fillStyle = style.getPropertyValue(name).trim();
      context.fillRect(column, row, 1, 1);
    }
  }
}

export function drawCells(context: Context2d, view: View, painted: HTMLCanvasElement): void {
  const { plot, across, down } = view;
  const [columns, rows] = [across.to - across.from, down.to - down.from];
  context.save();
  context.beginPath();
  context.rect(plot.left, plot.top, plot.width, plot.height);
  context.clip();
  // Fewer pixels than cells are averaged; larger cells keep their edges.
  context.imageSmoothingEnabled = plot.width * devicePixelRatio < columns;
  context.drawImage(painted, across.from, down.from, columns, rows, plot.left, plot.top, plot.width, plot.height);
  drawMarks(context, view);
  context.restore();
  context.strokeStyle = view.colours.quiet;
  context.lineWidth = 1;
  context.strokeRect(plot.left - 0.5, plot.top - 0.5, plot.width + 1, plot.height + 1);
}

function drawMarks(context: Context2d, view: View): void {
  const { heat, across, down } = view;
  const { width, height } = boxOf(view, 0, 0);
  if (width < (heat.square ? 0.9 : 2)) return; // too small to distinguish
  for (let row = Math.floor(down.from); row < Math.min(heat.rows, down.to); row += 1) {
    for (let column = Math.floor(across.from); column < Math.min(heat.columns, across.to); column += 1) {
      const shape = heat.mark(row, column);
      if (!shape) continue;
      const box = boxOf(view, row, column);
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      if (shape === "dot") drawDot(context, x, y, Math.max(0.22 * Math.min(width, height), 0.7));
      else drawShape(context, shape, x, y, markOf(Math.min(width, height)), lineColour(view, row, column));
    }
  }
}

function drawDot(context: Context2d, x: number, y: number, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = "#000000";
  context.fill();
}

const ROOMY = 6; // pixels of a cell that has room for a sign in it

/** Returns the inner and outer reach of a ring or cross from the middle of its cell, and the width of its line.
 * The colour of the cell stays visible: the sign is a thin line in the cell, or around a small cell.
 */
export function markOf(cell: number): { from: number; to: number; line: number } {
  if (cell < ROOMY) return { from: cell / 2 + 0.3, to: cell / 2 + 1.8, line: 0.8 };
  return { from: 0, to: Math.min(0.34 * cell, 9), line: cell < 16 ? 1 : 1.5 };
}

/** Returns black or white, for contrast with the cell. A small cell's sign is on the background. */
function lineColour(view: View, row: number, column: number): string {
  const { heat, plot, across, colours } = view;
  if (plot.width / (across.to - across.from) < ROOMY) return colours.text;
  const { low, high } = heat.limits;
  const value = heat.values[row * heat.columns + column] ?? NaN;
  return Number.isNaN(value) ? colours.text : ink(colourAt(stops(heat.scale, colours.dark), (value - low) / (high - low)));
}

function drawShape(
  context: Context2d,
  shape: Exclude<Shape, "dot">,
  x: number,
  y: number,
  { from, to, line }: ReturnType<typeof markOf>,
  colour: string,
): void {
  context.strokeStyle = colour;
  context.lineWidth = line;
  context.beginPath();
  if (shape === "ring") {
    context.arc(x, y, from ? (from + to) / 2 : to, 0, 2 * Math.PI);
  } else {
    for (const [right, lower] of DIAGONALS) {
      context.moveTo(x + right * from, y + lower * from);
      context.lineTo(x + right * to, y + lower * to);
    }
  }
  context.stroke();
}

const DIAGONALS = [
  [1, 1],
  [1, -1],
  [-1, 1],
  [-1, -1],
] as const;

export function drawAxes(context: Context2d, view: View): void {
  const { heat, plot, across, down } = view;
  context.fillStyle = view.colours.text;
  context.font = FONT;
  context.textAlign = "center";
  context.textBaseline = "top";
  const bottom = plot.top + plot.height + (heat.letters ? LETTERS : 0);
  for (const [column, name] of labels(across, heat.columnNames, plot.width, 44)) {
    const box = boxOf(view, 0, column);
    context.fillRect(box.x + box.width / 2, bottom, 1, 4);
    context.fillText(name, box.x + box.width / 2, bottom + 6);
  }
  context.fillStyle = view.colours.quiet;
  context.textAlign = "left";
  context.fillText(heat.axes, plot.left, bottom + 24);
  context.fillStyle = view.colours.text;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.font = heat.square ? FONT : MONO;
  const names: (readonly [number, string])[] = heat.square
    ? labels(down, heat.columnNames, plot.height, 30)
    : heat.rowNames.map((name, row) => [row, name]);
  for (const [row, name] of names) {
    if (row < down.from || row >= down.to) continue;
    const box = boxOf(view, row, 0);
    context.fillText(name, plot.left - 6, box.y + box.height / 2);
  }
}

const LETTER = 8; // pixels of a column that has room for a letter

/** Draws the residues of the sequence between the cells and the numbers. */
export function drawLetters(context: Context2d, view: View): void {
  const { heat, plot, across } = view;
  const width = plot.width / (across.to - across.from);
  if (!heat.letters || width < LETTER) return;
  context.fillStyle = view.colours.text;
  context.font = MONO;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (let column = Math.floor(across.from); column < Math.min(heat.columns, across.to); column += 1) {
    const x = plot.left + (column + 0.5 - across.from) * width;
    if (x > plot.left && x < plot.left + plot.width) context.fillText(heat.letters[column] ?? "", x, plot.top + plot.height + 3);
  }
}

/** Draws a frame in light and dark around each picked cell. */
export function drawPicked(context: Context2d, view: View, picked: Iterable<Cell>): void {
  const { plot } = view;
  context.save();
  context.beginPath();
  context.rect(plot.left - 2, plot.top - 2, plot.width + 4, plot.height + 4);
  context.clip();
  for (const { row, column } of picked) {
    const box = boxOf(view, row, column);
    const grown = Math.max(0, (5 - box.width) / 2);
    for (const [colour, line] of [
      ["#ffffff", 3.5],
      ["#000000", 1.5],
    ] as const) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.strokeRect(box.x - grown + 0.75, box.y + 0.75, box.width + 2 * grown - 1.5, box.height - 1.5);
    }
  }
  context.restore();
}

/** Draws the column that the page shows: lines beside it, and a sign above it. */
export function drawChosen(context: Context2d, view: View, column: number): void {
  const { plot, across } = view;
  if (column < Math.floor(across.from) || column >= across.to) return;
  const box = boxOf(view, 0, column);
  const x = box.x + box.width / 2;
  const half = Math.max(box.width / 2, 1.5);
  context.strokeStyle = view.colours.text;
  context.fillStyle = view.colours.text;
  context.lineWidth = 1.5;
  context.strokeRect(x - half, plot.top - 1, 2 * half, plot.height + 2);
  context.beginPath();
  context.moveTo(x - 5, plot.top - 10);
  context.lineTo(x + 5, plot.top - 10);
  context.lineTo(x, plot.top - 2);
  context.fill();
}

/** Draws two lines, light and dark, so that one of them contrasts with any colour. */
export function drawFocus(context: Context2d, box: Box): void {
  const grown = Math.max(0, (6 - box.width) / 2);
  for (const [colour, line] of [
    ["#ffffff", 4],
    ["#000000", 2],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(box.x - grown, box.y, box.width + 2 * grown, box.height);
  }
}
