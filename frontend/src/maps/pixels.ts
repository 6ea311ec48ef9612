// Drawing many small pictures pixel by pixel: tens of thousands take a tenth of the time of `drawImage`.

/** A picture as what it adds to the pixels that it covers: their places, and its colours times its opacity. */
export interface Stamp {
  readonly side: number;
  /** Places [row * side + column] of the pixels that are not clear. */
  readonly places: Uint16Array;
  /** Red, green, blue (times opacity) and what is left of the ground (255 - opacity) of each of them. */
  readonly parts: Uint8ClampedArray;
}

/** Reads the pixels of square pictures in one call. */
export function stampsOfPictures(pictures: readonly HTMLCanvasElement[]): Stamp[] {
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(1, ...pictures.map((picture) => picture.width));
  sheet.height = Math.max(
    1,
    pictures.reduce((sum, picture) => sum + picture.height, 0),
  );
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  if (!pen) return pictures.map((picture) => stampOfPixels(new Uint8ClampedArray(), picture.width));
  const tops: number[] = [];
  let next = 0;
  for (const picture of pictures) {
    pen.drawImage(picture, 0, next);
    tops.push(next);
    next += picture.height;
  }
  const { data } = pen.getImageData(0, 0, sheet.width, sheet.height);
  return pictures.map((picture, number) => {
    const side = picture.width;
    const pixels = new Uint8ClampedArray(4 * side * side);
    for (let row = 0; row < side; row += 1) {
      const from = 4 * ((tops[number] ?? 0) + row) * sheet.width;
      pixels.set(data.subarray(from, from + 4 * side), 4 * row * side);
    }
    return stampOfPixels(pixels, side);
  });
}

export function stampOfPixels(data: Uint8ClampedArray, side: number): Stamp {
  const places: number[] = [];
  const parts: number[] = [];
  for (let place = 0; place < data.length / 4; place += 1) {
    const opacity = data[4 * place + 3] ?? 0;
    if (!opacity) continue;
    places.push(place);
    for (let part = 0; part < 3; part += 1) parts.push(((data[4 * place + part] ?? 0) * opacity) / 255);
    parts.push(255 - opacity);
  }
  return { side, places: Uint16Array.from(places), parts: Uint8ClampedArray.from(parts) };
}

export class Pixels {
  /** Red, green, blue, opacity of each pixel, row by row. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;

  /** `ground` is the opaque pixel [red, green, blue, opacity] of the background. */
  constructor(
    readonly width: number,
    readonly height: number,
    ground: Uint8ClampedArray,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
    new Uint32Array(this.data.buffer).fill(new Uint32Array(ground.slice(0, 4).buffer)[0] ?? 0);
  }

  /** Draws a stamp with its upper left corner at a pixel, clipped at the edges. */
  lay(stamp: Stamp, left: number, top: number): void {
    const { side, places, parts } = stamp;
    const { data, width, height } = this;
    if (left <= -side || top <= -side || left >= width || top >= height) return;
    const inside = left >= 0 && top >= 0 && left + side <= width && top + side <= height;
    for (let at = 0; at < places.length; at += 1) {
      const place = places[at] ?? 0;
      const row = Math.floor(place / side);
      const x = left + place - row * side;
      const y = top + row;
      if (!inside && (x < 0 || y < 0 || x >= width || y >= height)) continue;
      const to = 4 * (y * width + x);
      const rest = (parts[4 * at + 3] ?? 0) / 255;
      data[to] = (parts[4 * at] ?? 0) + (data[to] ?? 0) * rest;
      data[to + 1] = (parts[4 * at + 1] ?? 0) + (data[to + 1] ?? 0) * rest;
      data[to + 2] = (parts[4 * at + 2] ?? 0) + (data[to + 2] ?? 0) * rest;
    }
  }
}
