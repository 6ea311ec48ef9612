// Colours of numbers. Diverging: ColorBrewer RdBu, blue is better. Sequential: ColorBrewer Blues; in the dark theme a
// scale that begins at the background, so that values near zero stay quiet there too.

export type Rgb = readonly [number, number, number];

const hex = (text: string): Rgb => [0, 2, 4].map((at) => parseInt(text.slice(at, at + 2), 16)) as unknown as Rgb;
const list = (text: string): Rgb[] => text.split(" ").map(hex);

const RD_BU = list("67001f b2182b d6604d f4a582 fddbc7 f7f7f7 d1e5f0 92c5de 4393c3 2166ac 053061");
const BLUES = list("f7fbff deebf7 c6dbef 9ecae1 6baed6 4292c6 2171b5 08519c 08306b");
const GLOW = list("1c2328 123a52 0f5274 1f6d93 3f8cb0 6aabc9 9bcadf cfe6f0 ffffff");

export type Scale = "diverging" | "sequential";

/** The stops of a scale, from its lowest to its highest value. */
export function stops(scale: Scale, dark: boolean): readonly Rgb[] {
  if (scale === "diverging") return RD_BU;
  return dark ? GLOW : BLUES;
}

/** Returns the colour at `share` (0 to 1, clamped) of a scale, linear between its stops. */
export function colourAt(colours: readonly Rgb[], share: number): Rgb {
  const at = Math.min(1, Math.max(0, share)) * (colours.length - 1);
  const index = Math.min(Math.floor(at), colours.length - 2);
  const low = colours[index];
  const high = colours[index + 1];
  if (!low || !high) throw new Error("a scale has two colours at least");
  const mix = (channel: 0 | 1 | 2) => Math.round(low[channel] + (at - index) * (high[channel] - low[channel]));
  return [mix(0), mix(1), mix(2)];
}

export const css = ([red, green, blue]: Rgb): string => `rgb(${red}, ${green}, ${blue})`;

/** Returns the percentile `percent` of the finite numbers, linear between ranks; 0 if there are none. */
export function percentile(values: ArrayLike<number>, percent: number): number {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  if (!sorted.length) return 0;
  const at = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? 0;
  return below + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? below) - below);
}

export interface Limits {
  low: number;
  high: number;
}

/** Returns limits that are symmetric about zero: the 98th percentile of the magnitudes, so that extremes do not hide
 * the rest. Zeros do not count, because a scan has one for each wild type.
 */
export function symmetric(values: ArrayLike<number>, percent = 98): Limits {
  const sizes = Float64Array.from(values).map(Math.abs).filter((value) => value > 0);
  const high = percentile(sizes, percent) || 1;
  return { low: -high, high };
}

/** Returns black or white, for the better contrast with this colour. */
export function ink([red, green, blue]: Rgb): string {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000000" : "#ffffff";
}
