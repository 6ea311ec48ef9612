// Which part of an axis is shown: zooming and moving over `total` cells.

export interface Span {
  readonly from: number; // in cells, may lie between two
  readonly to: number;
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]; // of round labels
const LEAST = 8; // cells that stay visible at every zoom

export const whole = (total: number): Span => ({ from: 0, to: Math.max(1, total) });

/** Returns the span of this size from `from`, moved so that it is within the axis. */
function within(from: number, size: number, total: number): Span {
  const length = Math.min(Math.max(size, Math.min(LEAST, total)), total);
  const start = Math.min(Math.max(0, from), total - length);
  return { from: start, to: start + length };
}

/** Shows `factor` times as much; the cell at `centre` keeps its place on the screen. */
export function zoomed(span: Span, total: number, factor: number, centre: number): Span {
  const size = (span.to - span.from) * factor;
  const length = Math.min(Math.max(size, Math.min(LEAST, total)), total);
  const share = (centre - span.from) / (span.to - span.from);
  return within(centre - share * length, length, total);
}

export const moved = (span: Span, total: number, cells: number): Span =>
  within(span.from + cells, span.to - span.from, total);

/** Returns the span of the same size, moved just enough to show the whole cell. */
export function showing(span: Span, total: number, cell: number): Span {
  if (cell < span.from) return moved(span, total, cell - span.from);
  if (cell + 1 > span.to) return moved(span, total, cell + 1 - span.to);
  return span;
}

/** Round positions for an axis, counted from `first`, such that labels are at least `gap` pixels apart. */
export function ticks(span: Span, pixels: number, gap: number, first = 1): number[] {
  const most = Math.max(1, Math.floor(pixels / gap));
  const size = span.to - span.from;
  const step = STEPS.find((one) => size / one <= most) ?? 2000;
  const found: number[] = [];
  const lowest = Math.ceil((span.from + first) / step) * step;
  for (let label = lowest; label - first < span.to; label += step) found.push(label);
  if (step > 1 && span.from + first < step) found.unshift(first);
  return found;
}

/** Returns the places to label as [cell, name], at least `gap` pixels apart: round numbers if there are enough of them,
 * otherwise every n-th cell. A name is a number, with an insertion letter for some residues.
 */
export function labels(span: Span, names: readonly string[], pixels: number, gap: number): [number, string][] {
  const numbers = names.map((name) => (WHOLE.test(name) ? Number(name) : NaN));
  const first = numbers[0] ?? 1;
  const cells = numbers.every((number, at) => number === first + at)
    ? ticks(span, pixels, gap, first).map((label) => label - first)
    : uneven(span, numbers, pixels, gap);
  return cells
    .filter((cell) => cell >= span.from && cell < span.to)
    .flatMap((cell) => {
      const name = names[cell];
      return name === undefined ? [] : [[cell, name] as [number, string]];
    });
}

const WHOLE = /^-?\d+$/;

/** Returns the cells to label where numbers are left out, have letters, or are those of chosen positions. */
function uneven(span: Span, numbers: readonly number[], pixels: number, gap: number): number[] {
  const visible = numbers.map((_, cell) => cell).filter((cell) => cell >= span.from && cell < span.to);
  const most = Math.max(1, Math.floor(pixels / gap));
  if (visible.length <= most) return visible;
  const rounded = STEPS.map((step) => visible.filter((cell) => (numbers[cell] ?? NaN) % step === 0));
  const found = rounded.find((cells) => cells.length <= most) ?? [];
  const every = Math.ceil(visible.length / most);
  const chosen = found.length > most / 4 ? found : visible.filter((_, at) => at % every === 0);
  const least = (gap * (span.to - span.from)) / pixels; // cells between two labels
  const kept: number[] = [];
  for (const cell of chosen) if (cell - (kept.at(-1) ?? -Infinity) >= least) kept.push(cell);
  return kept;
}
