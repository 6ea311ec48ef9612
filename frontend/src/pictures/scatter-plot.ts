// <scatter-plot>: a point for each of two numbers. `points` is set by the page's script. Left and right arrows go through
// the points in the order of the horizontal axis, up and down in that of the vertical one; Home and End to the ends.
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

/** The range of finite numbers, a little wider than they are. */
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

export class ScatterPlot extends Picture {
  private data: Points | null = null;
  private ranges: [Range, Range] = [rangeOf([]), rangeOf([])];
  private orders: [number[], number[]] = [[], []];
  private cursor = 0;

  override connectedCallback(): void {
    const first = !this.tools.childElementCount;
    super.connectedCallback();
    if (first) this.pngButton();
  }

  set points(points: Points) {
    this.data = points;
    this.ranges = [rangeOf(points.x), rangeOf(points.y)];
    const order = (values: readonly number[]) =>
      values.map((_, at) => at).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b);
    this.orders = [order(points.x), order(points.y)];
    this.cursor = this.orders[0][0] ?? 0;
    this.redraw();
  }

  protected get filled(): boolean {
    return (this.data?.names.length ?? 0) > 0;
  }

  protected height(width: number): number {
    return Math.min(460, Math.max(300, Math.round(width * 0.62)));
  }

  /** Where a point lies on the canvas in CSS pixels. */
  placeOf(at: number): { x: number; y: number } {
    const width = this.stage.clientWidth;
    const height = this.height(width);
    const [across, up] = this.ranges;
    const share = (value: number, range: Range) => (value - range.low) / (range.high - range.low);
    return {
      x: LEFT + share(this.data?.x[at] ?? NaN, across) * (width - LEFT - RIGHT),
      y: height - AXIS - share(this.data?.y[at] ?? NaN, up) * (height - TOP - AXIS),
    };
  }

  protected paint(context: Context2d, width: number, height: number): void {
    const data = this.data;
    if (!data) return;
    this.drawScales(context, width, height, data);
    context.fillStyle = this.colours.accent;
    context.globalAlpha = data.names.length > 2000 ? 0.35 : 0.6;
    const radius = data.names.length > 5000 ? 1.5 : 3;
    for (let at = 0; at < data.names.length; at += 1) {
      const { x, y } = this.placeOf(at);
      if (radius < 2) {
        context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
        continue;
      }
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    if (!this.focused) return;
    const { x, y } = this.placeOf(this.cursor);
    context.strokeStyle = this.colours.text;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.stroke();
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
    const [byX, byY] = this.orders;
    const last = byX.length - 1;
    const step = (order: number[], by: number) => {
      const at = order.indexOf(this.cursor);
      this.cursor = order[Math.min(last, Math.max(0, at + by))] ?? this.cursor;
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
    let best: number | null = null;
    let least = NEAR * NEAR;
    for (let at = 0; at < (this.data?.names.length ?? 0); at += 1) {
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
