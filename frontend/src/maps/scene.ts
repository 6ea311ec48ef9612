// Drawing a map: its points, numbers of groups at their middles, and the marks that change while the points stay.
import type { Colouring } from "./colours";
import { type Scene, drawDots } from "./dots";
import type { Points } from "./points";
import type { Theme } from "./view";

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

/** Draws all points. */
export function drawScene(canvas: HTMLCanvasElement, scene: Scene): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = scene.theme.ground;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  drawDots(pen, scene, radius(scene.points.u.length, scene.view.zoom) * scene.dpr);
  if (scene.colouring.entries) drawNames(pen, scene);
}

const NAMED = 40;

/** Draws the name of each group at its middle, so that colour alone carries no meaning. */
function drawNames(pen: CanvasRenderingContext2D, { points, colouring, view, theme, dpr }: Scene): void {
  const names = (colouring.entries ?? []).slice(0, Math.min(NAMED, colouring.looks.length));
  const middles = middlesOf(points, colouring);
  pen.font = `600 ${12 * dpr}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 4 * dpr;
  names.forEach((entry, number) => {
    const middle = middles[number];
    if (!middle) return;
    const x = (middle[0] * view.scale + view.left) * dpr;
    const y = (middle[1] * view.scale + view.top) * dpr;
    const text = entry.text.replace(/^cluster /, "").slice(0, 16);
    pen.strokeStyle = theme.ground;
    pen.strokeText(text, x, y);
    pen.fillStyle = theme.text;
    pen.fillText(text, x, y);
  });
}

type Middle = [number, number] | null;
const middles = new WeakMap<Colouring, { points: Points; middles: Middle[] }>();

/** Returns the median place of each group; null for a group without points. */
function middlesOf(points: Points, colouring: Colouring): Middle[] {
  const known = middles.get(colouring);
  if (known?.points === points) return known.middles;
  const count = Math.min(NAMED, colouring.looks.length);
  const us = Array.from({ length: count }, (): number[] => []);
  const vs = Array.from({ length: count }, (): number[] => []);
  for (let place = 0; place < points.u.length; place += 1) {
    const number = colouring.classes[place] ?? -1;
    us[number]?.push(points.u[place] ?? 0);
    vs[number]?.push(points.v[place] ?? 0);
  }
  const found = us.map((values, number): Middle => (values.length ? [median(values), median(vs[number] ?? [])] : null));
  middles.set(colouring, { points, middles: found });
  return found;
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
export function drawMarks(canvas: HTMLCanvasElement, { points, view, theme, dpr }: Scene, marks: Marks): void {
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
