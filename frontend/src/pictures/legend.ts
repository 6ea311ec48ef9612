// The legend under a heat map: a bar of its colours, the limits as numbers, and what the ends mean in words.
import { colourAt, css, type Limits, type Scale, stops } from "./colours";
import { shown } from "./numbers";
import { type Context2d, FONT, type Palette } from "./picture";

/** Returns the height of the legend; its note takes two lines if the width is small. */
export const legendHeight = (width: number): number => (width < NARROW ? 72 : 58);

const NARROW = 420;

interface Legend {
  scale: Scale;
  limits: Limits;
  legend: { low: string; high: string; note: string };
  x: number;
  y: number;
  width: number;
}

export function drawLegend(context: Context2d, legend: Legend, colours: Palette): void {
  const { x, width } = legend;
  const top = legend.y + 6;
  const all = stops(legend.scale, colours.dark);
  for (let pixel = 0; pixel < width; pixel += 1) {
    context.fillStyle = css(colourAt(all, pixel / (width - 1)));
    context.fillRect(x + pixel, top, 1.5, 10);
  }
  context.strokeStyle = colours.quiet;
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, top - 0.5, width + 1, 11);
  context.fillStyle = colours.text;
  context.font = FONT;
  context.textBaseline = "top";
  const { low, high } = legend.limits;
  const words: [CanvasTextAlign, number, string][] = [
    ["left", x, `${shown(low)} ${legend.legend.low}`],
    ["right", x + width, `${legend.legend.high} ${shown(high)}`],
  ];
  for (const [align, at, text] of words) {
    context.textAlign = align;
    context.fillText(text, at, top + 15);
  }
  context.textAlign = "left";
  context.fillStyle = colours.quiet;
  for (const [line, text] of wrapped(legend.legend.note, width + (width < NARROW ? 0 : 200), context).entries()) {
    context.fillText(text, x, top + 31 + 14 * line);
  }
}

/** Returns the words in lines of at most this many pixels. */
function wrapped(text: string, room: number, context: Context2d): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1) ?? ""} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
