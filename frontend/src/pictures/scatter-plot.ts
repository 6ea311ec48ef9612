// <scatter-plot>: a point for each of two numbers. The page's script sets `points`. Left and right arrows follow
// the order of the horizontal axis, up and down that of the vertical one; Home and End go to the ends.
// All points are painted once for a size and a theme, and found through a grid.
import { Grid } from "../maps/grid";
import { digitsFor, roundSteps, shown } from "./numbers";
import { type Context2d, FONT, Picture } from "./picture";

export interface Points {
  names: readonly string[];
  x: readonly number[];
  y: readonly number[];
  xTitle: string;
  yTitle: string;
}

const LEFT = 58;
const RIGHT = 14;
const TOP = 12;
const AXIS = 44;
const NEAR = 12; // pixels

interface Range {
  low: number;
  high: number;
}

/** Returns the range of the finite numbers with a small margin. */
export function rangeOf(values: readonly number[]): Range {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return { low: 0, high: 1 };
  const room = (high - low) * 0.03 || 0.5;
  return { low: low - room, high: high + room };
}

/** An order of points, and the place of each in it. */
interface Order {
  points: Int32Array;
  places: Int32Array;
}

function orderOf(values: readonly number[]): Order {
  const numbers = Float64Array.from(values);
  const points = Int32Array.from(numbers, (_, at) => at).sort((a, b) => (numbers[a] ?? 0) - (numbers[b] ?? 0) || a - b);
  const places = new Int32Array(points.length);
  points.forEach((point, place) => (places[point] = place));
  return { points, places };
}

const sharesOf = (values: readonly number[], range: Range) =>
  Float32Array.from(values, (value) => (value - range.low) / (range.high - range.low));

export class ScatterPlot extends Picture {
  private data: Points | null = null;
  private ranges: [Range, Range] = [rangeOf([]), rangeOf([])];
  /** The points as shares of the axes, across and up. */
  private shares: [Float32Array, Float32Array] = [new Float32Array(), new Float32Array()];
  private orders: [Order, Order] | null = null;
  private grid: Grid | null = null;
  private cloud: { canvas: HTMLCanvasElement; look: string } | null = null;
  private cursor = 0;

  override connectedCallback(): void {
    const first = !this.tools.childElementCount;
    super.connectedCallback();
    if (first) this.pngButton();
  }

  set points(points: Points) {
    this.data = points;
    this.ranges = [rangeOf(points.x), rangeOf(points.y)];
    this.shares = [sharesOf(points.x, this.ranges[0]), sharesOf(points.y, this.ranges[1])];
    this.grid = new Grid(...this.shares);
    this.orders = null;
    this.cloud = null;
    this.cursor = points.x.reduce((least, value, at) => (value < (points.x[least] ?? value) ? at : least), 0);
    this.redraw();
  }

  protected get filled(): boolean {
    return (this.data?.names.length ?? 0) > 0;
  }

  protected height(width: number): number {
    return Math.min(460, Math.max(300, Math.round(width * 0.62)));
  }

  /** Returns the place of a point on the canvas in CSS pixels. */
  placeOf(at: number): { x: number; y: number } {
    const width = this.stage.clientWidth;
    const height = this.height(width);
    const [across, up] = this.shares;
    return {
      x: LEFT + (across[at] ?? NaN) * (width - LEFT - RIGHT),
      y: height - AXIS - (up[at] ?? NaN) * (height - TOP - AXIS),
    };
  }

  protected paint(context: Context2d, width: number, height: number): void {
    const data = this.data;
    if (!data) return;
    this.drawScales(context, width, height, data);
    context.drawImage(this.painted(context.getTransform().a, width, height), 0, 0, width, height);
    if (!this.focused) return;
    const { x, y } = this.placeOf(this.cursor);
    context.strokeStyle = this.colours.text;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.stroke();
  }

  /** Returns all points on a transparent canvas of the same size. */
  private painted(density: number, width: number, height: number): HTMLCanvasElement {
    const look = `${density} ${width} ${height} ${this.colours.accent}`;
    if (this.cloud?.look === look) return this.cloud.canvas;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const context = canvas.getContext("2d");
    if (context) {
      context.setTransform(density, 0, 0, density, 0, 0);
      this.drawPoints(context, width - LEFT - RIGHT, height - TOP - AXIS);
    }
    this.cloud = { canvas, look };
    return canvas;
  }

  private drawPoints(context: Context2d, wide: number, high: number): void {
    const [across, up] = this.shares;
    context.fillStyle = this.colours.accent;
    context.globalAlpha = across.length > 2000 ? 0.35 : 0.6;
    const radius = across.length > 5000 ? 1.5 : 3;
    for (let at = 0; at < across.length; at += 1) {
      const x = LEFT + (across[at] ?? NaN) * wide;
      const y = TOP + (1 - (up[at] ?? NaN)) * high;
      if (radius < 2) {
        context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
        continue;
      }
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  private drawScales(context: Context2d, width: number, height: number, data: Points): void {
    const [across, up] = this.ranges;
    const bottom = height - AXIS;
    context.font = FONT;
    context.textBaseline = "top";
    context.textAlign = "center";
    const columns = roundSteps(across.low, across.high, Math.max(3, Math.floor(width / 110)));
    const digits = digitsFor(Math.abs((columns[1] ?? 1) - (columns[0] ?? 0)));
    for (const step of columns) {
      const x = LEFT + ((step - across.low) / (across.high - across.low)) * (width - LEFT - RIGHT);
      context.fillStyle = this.colours.line;
      context.fillRect(x, TOP, 1, bottom - TOP);
      context.fillStyle = this.colours.text;
      context.fillText(shown(step, digits), x, bottom + 5);
    }
    const rows = roundSteps(up.low, up.high, 5);
    const rowDigits = digitsFor(Math.abs((rows[1] ?? 1) - (rows[0] ?? 0)));
    for (const step of rows) {
      const y = bottom - ((step - up.low) / (up.high - up.low)) * (bottom - TOP);
      context.fillStyle = this.colours.line;
      context.fillRect(LEFT, y, width - LEFT - RIGHT, 1);
      context.fillStyle = this.colours.text;
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(shown(step, rowDigits), LEFT - 6, y);
    }
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.fillText(data.xTitle, LEFT + (width - LEFT - RIGHT) / 2, height - 4, width - LEFT - RIGHT);
    context.save();
    context.translate(4, TOP + (bottom - TOP) / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "top";
    context.fillText(data.yTitle, 0, 0, bottom - TOP);
    context.restore();
  }

  protected onKey(event: KeyboardEvent): boolean {
    if (!this.data) return false;
    this.orders ??= [orderOf(this.data.x), orderOf(this.data.y)]; // when a key is first pressed
    const [byX, byY] = this.orders;
    const last = byX.points.length - 1;
    const step = ({ points, places }: Order, by: number) => {
      const at = places[this.cursor] ?? 0;
      this.cursor = points[Math.min(last, Math.max(0, at + by))] ?? this.cursor;
      return true;
    };
    switch (event.key) {
      case "ArrowLeft":
        return step(byX, -1);
      case "ArrowRight":
        return step(byX, 1);
      case "ArrowDown":
        return step(byY, -1);
      case "ArrowUp":
        return step(byY, 1);
      case "Home":
        return step(byX, -last);
      case "End":
        return step(byX, last);
      default:
        return false;
    }
  }

  private describe(at: number): string {
    const data = this.data;
    if (!data) return "";
    const [x, y] = [data.x[at] ?? NaN, data.y[at] ?? NaN];
    return `${data.names[at] ?? ""}: ${data.xTitle} ${shown(x, 3)}, ${data.yTitle} ${shown(y, 3)}`;
  }

  private nearest(x: number, y: number): number | null {
    const width = this.stage.clientWidth;
    const [wide, high] = [width - LEFT - RIGHT, this.height(width) - TOP - AXIS];
    const [across, up] = [(x - LEFT) / wide, 1 - (y - TOP) / high];
    const near = this.grid?.inside(across - NEAR / wide, up - NEAR / high, across + NEAR / wide, up + NEAR / high) ?? [];
    let best: number | null = null;
    let least = NEAR * NEAR;
    for (const at of near) {
      const place = this.placeOf(at);
      const distance = (place.x - x) ** 2 + (place.y - y) ** 2;
      if (distance < least) [best, least] = [at, distance];
    }
    return best;
  }

  protected focusText(): string {
    return this.describe(this.cursor);
  }

  protected hoverText(x: number, y: number): string {
    const at = this.nearest(x, y);
    return at === null ? "" : this.describe(at);
  }

  protected onClick(x: number, y: number): void {
    this.cursor = this.nearest(x, y) ?? this.cursor;
  }
}

customElements.define("scatter-plot", ScatterPlot);
