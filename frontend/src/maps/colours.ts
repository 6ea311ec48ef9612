// What a point looks like: Okabe and Ito's colours with a shape for categories, cividis for numbers.

const OKABE_ITO = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];
const CIVIDIS = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"];
export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "star"] as const;
export type Shape = (typeof SHAPES)[number];
export const BINS = 48;

export interface Look {
  colour: string;
  shape: Shape;
}

export interface Entry {
  look: Look;
  text: string;
  count: number;
}

/** How points are coloured: a look for each class of points, and the class of each point; -1 is no value. */
export interface Colouring {
  title: string;
  looks: Look[];
  classes: Int32Array;
  /** Legend of categories; null for numbers, which have `limits`. */
  entries: Entry[] | null;
  limits: [number, number] | null;
  /** Describes the value of a point in words. */
  say: (place: number) => string;
}

export const NONE: Look = { colour: "#8a949b", shape: "circle" };

/** Categories differ in colour and shape together: 42 before two look the same. */
export function categoryLook(number: number): Look {
  return {
    colour: OKABE_ITO[number % OKABE_ITO.length] ?? NONE.colour,
    shape: SHAPES[number % SHAPES.length] ?? "circle",
  };
}

export function byCategory(title: string, classes: Int32Array, names: string[], none: string): Colouring {
  const counts = new Array<number>(names.length).fill(0);
  let without = 0;
  for (const number of classes) {
    if (number < 0) without += 1;
    else counts[number] = (counts[number] ?? 0) + 1;
  }
  const looks = names.map((_, number) => categoryLook(number));
  const entries = names.map((text, number) => ({ look: looks[number] ?? NONE, text, count: counts[number] ?? 0 }));
  if (without) entries.push({ look: NONE, text: none, count: without });
  const say = (place: number) => {
    const number = classes[place] ?? -1;
    return number < 0 ? none : (names[number] ?? none);
  };
  return { title, looks, classes, entries, limits: null, say };
}

/** Colours numbers between their 2nd and 98th percentile. Values beyond have the colour of the end. */
export function byNumber(title: string, values: ArrayLike<number>): Colouring {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  const quantile = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const [low, high] = [quantile(0.02), quantile(0.98)];
  const classes = new Int32Array(values.length);
  for (let place = 0; place < values.length; place += 1) {
    const value = values[place] ?? NaN;
    const share = high > low ? (value - low) / (high - low) : 0.5;
    classes[place] = Number.isFinite(value) ? Math.round(Math.max(0, Math.min(1, share)) * (BINS - 1)) : -1;
  }
  const looks = Array.from({ length: BINS }, (_, bin) => ({ colour: cividis(bin / (BINS - 1)), shape: "circle" as const }));
  const say = (place: number) => {
    const value = values[place] ?? NaN;
    return Number.isFinite(value) ? `${title} ${plain(value)}` : `no ${title}`;
  };
  return { title, looks, classes, entries: null, limits: [low, high], say };
}

export function cividis(share: number): string {
  const at = share * (CIVIDIS.length - 1);
  const from = CIVIDIS[Math.floor(at)] ?? "#000000";
  const to = CIVIDIS[Math.ceil(at)] ?? from;
  const part = (text: string, start: number) => parseInt(text.slice(start, start + 2), 16);
  const mix = (start: number) => Math.round(part(from, start) + (part(to, start) - part(from, start)) * (at % 1));
  return `#${[1, 3, 5].map((start) => mix(start).toString(16).padStart(2, "0")).join("")}`;
}

export function plain(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));
}

/** Draws a shape around a place; `r` is its reach in pixels of the canvas. */
export function drawShape(pen: CanvasRenderingContext2D, shape: Shape, x: number, y: number, r: number): void {
  pen.beginPath();
  if (shape === "circle") pen.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") pen.rect(x - 0.85 * r, y - 0.85 * r, 1.7 * r, 1.7 * r);
  else {
    const corners: Record<string, number[]> = {
      triangle: [0, -1.15, 1.05, 0.75, -1.05, 0.75],
      diamond: [0, -1.2, 1.2, 0, 0, 1.2, -1.2, 0],
      cross: [-0.4, -1.1, 0.4, -1.1, 0.4, -0.4, 1.1, -0.4, 1.1, 0.4, 0.4, 0.4, 0.4, 1.1, -0.4, 1.1, -0.4, 0.4, -1.1, 0.4, -1.1, -0.4, -0.4, -0.4],
      star: [0, -1.3, 0.4, -0.4, 1.3, 0, 0.4, 0.4, 0, 1.3, -0.4, 0.4, -1.3, 0, -0.4, -0.4],
    };
    const line = corners[shape] ?? [];
    for (let at = 0; at < line.length; at += 2) pen.lineTo(x + r * (line[at] ?? 0), y + r * (line[at + 1] ?? 0));
    pen.closePath();
  }
}

/** A sign of the legend. */
export function swatch(look: { colour: string; shape: Parameters<typeof drawShape>[1] }): HTMLCanvasElement {
  const picture = document.createElement("canvas");
  picture.width = picture.height = 32;
  picture.className = "map-swatch";
  picture.setAttribute("aria-hidden", "true");
  const pen = picture.getContext("2d");
  if (pen) {
    drawShape(pen, look.shape, 16, 16, 10);
    pen.fillStyle = look.colour;
    pen.fill();
    pen.strokeStyle = "rgba(60,65,70,0.9)";
    pen.lineWidth = 2;
    pen.stroke();
  }
  return picture;
}
