// Drawing a map: points from ready-made pictures, so that tens of thousands stay fluid; numbers of groups at their middles.
import { type Colouring, type Look, NONE, drawShape } from "./colours";
import type { Points } from "./points";

export interface View {
  /** Pixels of the page per unit, and where the unit square begins. */
  scale: number;
  left: number;
  top: number;
  /** 1 shows everything. */
  zoom: number;
}

export interface Theme {
  ground: string;
  text: string;
  edge: string;
  mark: string;
}

export function themeOf(element: Element): Theme {
  const style = getComputedStyle(element);
  const dark = document.documentElement.dataset.bsTheme === "dark";
  return {
    ground: style.getPropertyValue("--bs-body-bg").trim() || "#ffffff",
    text: style.getPropertyValue("--bs-body-color").trim() || "#000000",
    edge: dark ? "rgba(0,0,0,0.65)" : "rgba(20,25,30,0.45)",
    mark: dark ? "#ffffff" : "#000000",
  };
}

export function radius(points: number, zoom: number): number {
  const small = points > 20_000 ? 1.8 : points > 5_000 ? 2.3 : points > 500 ? 3.2 : 5;
  return Math.min(8, small * Math.sqrt(Math.min(zoom, 12)));
}

/** Draws all points. The canvas has `dpr` pixels for each one of the page. */
export function drawScene(
  canvas: HTMLCanvasElement,
  points: Points,
  colouring: Colouring,
  view: View,
  theme: Theme,
  dpr: number,
): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = theme.ground;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const r = radius(points.u.length, view.zoom) * dpr;
  const none = stamp(NONE, 0.7 * r, theme);
  const stamps = colouring.looks.map((look) => stamp(look, r, theme));
  const { u, v } = points;
  const { classes } = colouring;
  const scale = view.scale * dpr;
  const left = view.left * dpr;
  const top = view.top * dpr;
  // Points without a value lie under the others.
  for (const wanted of [false, true]) {
    for (let place = 0; place < u.length; place += 1) {
      const number = classes[place] ?? -1;
      if (number >= 0 !== wanted) continue;
      const picture = number < 0 ? none : (stamps[number] ?? none);
      const half = picture.width / 2;
      const x = (u[place] ?? 0) * scale + left - half;
      const y = (v[place] ?? 0) * scale + top - half;
      if (x > -picture.width && y > -picture.width && x < canvas.width && y < canvas.height) pen.drawImage(picture, x, y);
    }
  }
  if (colouring.entries) drawNames(pen, points, colouring, view, theme, dpr);
}

function stamp(look: Look, r: number, theme: Theme): HTMLCanvasElement {
  const picture = document.createElement("canvas");
  picture.width = picture.height = 2 * Math.ceil(1.35 * r + 1);
  const pen = picture.getContext("2d");
  if (!pen) return picture;
  const middle = picture.width / 2;
  drawShape(pen, look.shape, middle, middle, r);
  pen.fillStyle = look.colour;
  pen.fill();
  pen.lineWidth = Math.max(0.5, r / 6);
  pen.strokeStyle = theme.edge;
  pen.stroke();
  return picture;
}

const NAMED = 40;

/** The second sign of a group beside its colour: its name where most of it lies. */
function drawNames(
  pen: CanvasRenderingContext2D,
  points: Points,
  colouring: Colouring,
  view: View,
  theme: Theme,
  dpr: number,
): void {
  const names = (colouring.entries ?? []).slice(0, Math.min(NAMED, colouring.looks.length));
  const us = names.map<number[]>(() => []);
  const vs = names.map<number[]>(() => []);
  for (let place = 0; place < points.u.length; place += 1) {
    const number = colouring.classes[place] ?? -1;
    us[number]?.push(points.u[place] ?? 0);
    vs[number]?.push(points.v[place] ?? 0);
  }
  pen.font = `600 ${12 * dpr}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 4 * dpr;
  names.forEach((entry, number) => {
    if (!us[number]?.length) return;
    const x = (median(us[number]) * view.scale + view.left) * dpr;
    const y = (median(vs[number] ?? []) * view.scale + view.top) * dpr;
    const text = entry.text.replace(/^cluster /, "").slice(0, 16);
    pen.strokeStyle = theme.ground;
    pen.strokeText(text, x, y);
    pen.fillStyle = theme.text;
    pen.fillText(text, x, y);
  });
}

function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1] ?? 0;
}

export interface Marks {
  /** Place of the point that has the keyboard; -1 for none. */
  at: number;
  picked: ReadonlySet<number>;
  neighbours: readonly number[];
  /** A box or a lasso that is being drawn, in pixels of the page. */
  line: readonly number[];
}

/** Draws what changes while the points stay: focus, picks, neighbours, the lasso. */
export function drawMarks(
  canvas: HTMLCanvasElement,
  points: Points,
  marks: Marks,
  view: View,
  theme: Theme,
  dpr: number,
): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.setTransform(dpr, 0, 0, dpr, 0, 0);
  pen.clearRect(0, 0, canvas.width / dpr, canvas.height / dpr);
  const r = radius(points.u.length, view.zoom);
  const ring = (place: number, reach: number) => {
    pen.beginPath();
    pen.arc(x(place), y(place), reach, 0, 2 * Math.PI);
    pen.stroke();
  };
  const x = (place: number) => (points.u[place] ?? 0) * view.scale + view.left;
  const y = (place: number) => (points.v[place] ?? 0) * view.scale + view.top;
  pen.strokeStyle = theme.mark;
  pen.lineWidth = 1.25;
  for (const place of marks.picked) ring(place, r + 2);
  for (const place of marks.neighbours) {
    pen.beginPath();
    pen.moveTo(x(marks.at), y(marks.at));
    pen.lineTo(x(place), y(place));
    pen.stroke();
    ring(place, r + 3);
  }
  if (marks.at >= 0) {
    pen.lineWidth = 5;
    pen.strokeStyle = theme.ground;
    ring(marks.at, r + 6);
    pen.lineWidth = 2.5;
    pen.strokeStyle = theme.mark;
    ring(marks.at, r + 6);
  }
  if (marks.line.length >= 4) {
    pen.lineWidth = 1.5;
    pen.setLineDash([5, 4]);
    pen.beginPath();
    for (let at = 0; at < marks.line.length; at += 2) pen.lineTo(marks.line[at] ?? 0, marks.line[at + 1] ?? 0);
    pen.closePath();
    pen.stroke();
    pen.setLineDash([]);
  }
}
