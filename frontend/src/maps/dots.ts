// Points of a map from ready-made pictures: drawn one by one if they are few, set as pixels if they are many.
import { type Colouring, type Look, NONE, drawShape } from "./colours";
import { Pixels, type Stamp, stampsOfPictures } from "./pixels";
import type { Points } from "./points";
import type { Theme, View } from "./view";

/** From this many points on, points are set pixel by pixel, so that tens of thousands stay fluid. */
const MANY = 5000;

/** What is drawn of a map. The canvas has `dpr` pixels for each one of the page. */
export interface Scene {
  readonly points: Points;
  readonly colouring: Colouring;
  readonly view: View;
  readonly theme: Theme;
  readonly dpr: number;
}

/** Draws all points, `r` pixels of the canvas in radius, on a ground that has one colour so far. */
export function drawDots(pen: CanvasRenderingContext2D, scene: Scene, r: number): void {
  (scene.points.u.length > MANY ? layPoints : drawPoints)(pen, scene, r);
}

const orders = new WeakMap<Colouring, Int32Array>();

/** Returns the drawing order: points without a value first, under the others. */
function orderOf(colouring: Colouring): Int32Array {
  const { classes } = colouring;
  let order = orders.get(colouring);
  if (!order) {
    order = new Int32Array(classes.length);
    let at = 0;
    for (const wanted of [false, true]) {
      for (let place = 0; place < classes.length; place += 1) {
        if ((classes[place] ?? -1) >= 0 === wanted) order[at++] = place;
      }
    }
    orders.set(colouring, order);
  }
  return order;
}

/** Returns the pictures of points by class, beginning with class -1. */
const picturesOf = (colouring: Colouring, r: number, theme: Theme): HTMLCanvasElement[] => [
  stamp(NONE, 0.7 * r, theme),
  ...colouring.looks.map((look) => stamp(look, r, theme)),
];

/** Calls `put` for every point in drawing order, with the number of its picture and its place on the canvas. */
function eachPoint(
  { points: { u, v }, colouring, view, dpr }: Scene,
  put: (picture: number, x: number, y: number) => void,
): void {
  const scale = view.scale * dpr;
  const [left, top] = [view.left * dpr, view.top * dpr];
  for (const place of orderOf(colouring)) {
    put((colouring.classes[place] ?? -1) + 1, (u[place] ?? 0) * scale + left, (v[place] ?? 0) * scale + top);
  }
}

function drawPoints(pen: CanvasRenderingContext2D, scene: Scene, r: number): void {
  const { width, height } = pen.canvas;
  const pictures = picturesOf(scene.colouring, r, scene.theme);
  eachPoint(scene, (number, middleX, middleY) => {
    const picture = pictures[number] ?? pictures[0];
    if (!picture) return;
    const [x, y] = [middleX - picture.width / 2, middleY - picture.width / 2];
    if (x > -picture.width && y > -picture.width && x < width && y < height) pen.drawImage(picture, x, y);
  });
}

/** Draws points like `drawPoints`, at the nearest pixel. */
function layPoints(pen: CanvasRenderingContext2D, scene: Scene, r: number): void {
  const { width, height } = pen.canvas;
  const pixels = new Pixels(width, height, pixelOf(scene.theme.ground));
  const stamps = stampsOf(scene.colouring, r, scene.theme);
  eachPoint(scene, (number, x, y) => {
    const one = stamps[number] ?? stamps[0];
    if (one) pixels.lay(one, Math.round(x - one.side / 2), Math.round(y - one.side / 2));
  });
  pen.putImageData(new ImageData(pixels.data, width, height), 0, 0);
}

const laid = new WeakMap<Colouring, Map<string, Stamp[]>>();

/** Returns the pictures of points as pixels, cached for each size (to the half pixel) and theme. */
function stampsOf(colouring: Colouring, r: number, theme: Theme): Stamp[] {
  const size = Math.round(2 * r) / 2;
  const look = `${size} ${theme.edge}`;
  const known = laid.get(colouring) ?? new Map<string, Stamp[]>();
  laid.set(colouring, known);
  let stamps = known.get(look);
  if (!stamps) {
    stamps = stampsOfPictures(picturesOf(colouring, size, theme));
    known.set(look, stamps);
  }
  return stamps;
}

/** Returns a CSS colour as an opaque pixel. */
function pixelOf(colour: string): Uint8ClampedArray {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d");
  if (!pen) return new Uint8ClampedArray([255, 255, 255, 255]);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data;
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
