// The points of a map as typed arrays, placed in a unit square that keeps their proportions.

export interface Points {
  /** Item indices of the job, ascending. */
  index: Int32Array;
  name: string[];
  residues: Int32Array;
  /** -1: in no cluster. Null if the map was made without clusters. */
  cluster: Int32Array | null;
  /** Places in the unit square; y grows downwards, as on a canvas. */
  u: Float32Array;
  v: Float32Array;
}

export interface MapFile {
  index: number[];
  name: string[];
  residues: number[];
  x: number[];
  y: number[];
  cluster?: number[];
}

/** Returns at most `most` points: every n-th point of a larger map. */
export function pointsOf(file: MapFile, most: number): Points {
  const step = Math.max(1, Math.ceil(file.index.length / most));
  const every = <T>(values: T[]): T[] => (step === 1 ? values : values.filter((_, place) => place % step === 0));
  const x = Float32Array.from(every(file.x));
  const y = Float32Array.from(every(file.y));
  const [left, right] = limits(x);
  const [bottom, top] = limits(y);
  const span = Math.max(right - left, top - bottom) || 1;
  return {
    index: Int32Array.from(every(file.index)),
    name: every(file.name),
    residues: Int32Array.from(every(file.residues)),
    cluster: file.cluster ? Int32Array.from(every(file.cluster)) : null,
    u: x.map((value) => 0.5 + (value - (left + right) / 2) / span),
    v: y.map((value) => 0.5 - (value - (bottom + top) / 2) / span),
  };
}

function limits(values: Float32Array): [number, number] {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return values.length ? [least, most] : [0, 0];
}

/** The place of an item among the points, or -1. */
export function placeOf(points: Points, item: number): number {
  let low = 0;
  let high = points.index.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = points.index[middle] ?? 0;
    if (found === item) return middle;
    if (found < item) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Returns the nearest point within 45 degrees of a direction from `from`, straight ahead first; -1 if there is none. */
export function towards(points: Points, from: number, across: number, down: number): number {
  const { u, v } = points;
  const startU = u[from] ?? 0;
  const startV = v[from] ?? 0;
  let best = -1;
  let least = Infinity;
  for (let place = 0; place < u.length; place += 1) {
    const du = (u[place] ?? 0) - startU;
    const dv = (v[place] ?? 0) - startV;
    const ahead = du * across + dv * down;
    const aside = Math.abs(du * down) + Math.abs(dv * across);
    if (place === from || ahead <= 0 || aside > ahead) continue;
    const cost = ahead + 2 * aside;
    if (cost < least) {
      least = cost;
      best = place;
    }
  }
  return best;
}
