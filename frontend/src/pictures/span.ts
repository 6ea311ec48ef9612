// Which part of an axis is shown: zooming and moving over `total` cells.

export interface Span {
  readonly from: number; // in cells, may lie between two
  readonly to: number;
}

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
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((one) => size / one <= most) ?? 2000;
  const found: number[] = [];
  const lowest = Math.ceil((span.from + first) / step) * step;
  for (let label = lowest; label - first < span.to; label += step) found.push(label);
  if (step > 1 && span.from + first < step) found.unshift(first);
  return found;
}

/** Returns the places to label as [cell, number]: round numbers if they are consecutive, otherwise every n-th cell. */
export function labels(span: Span, numbers: readonly number[], pixels: number, gap: number): [number, number][] {
  const first = numbers[0] ?? 1;
  const consecutive = (numbers.at(-1) ?? 1) - first === numbers.length - 1;
  const cells = ticks(span, pixels, gap, consecutive ? first : 0).map((label) => (consecutive ? label - first : label));
  return cells
    .filter((cell) => cell >= span.from && cell < span.to)
    .flatMap((cell) => {
      const number = numbers[cell];
      return number === undefined ? [] : [[cell, number] as [number, number]];
    });
}
