// A grid over the unit square that finds the points near a place without searching all.

export class Grid {
  private readonly side: number;
  private readonly start: Uint32Array;
  private readonly members: Uint32Array;

  constructor(
    private readonly u: Float32Array,
    private readonly v: Float32Array,
  ) {
    this.side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(u.length / 4))));
    const cell = new Uint32Array(u.length);
    this.start = new Uint32Array(this.side * this.side + 1);
    for (let place = 0; place < u.length; place += 1) {
      const number = this.cellOf(v[place] ?? 0) * this.side + this.cellOf(u[place] ?? 0);
      cell[place] = number;
      this.start[number + 1] = (this.start[number + 1] ?? 0) + 1;
    }
    for (let number = 0; number < this.side * this.side; number += 1) {
      this.start[number + 1] = (this.start[number + 1] ?? 0) + (this.start[number] ?? 0);
    }
    const next = this.start.slice();
    this.members = new Uint32Array(u.length);
    for (let place = 0; place < u.length; place += 1) {
      const number = cell[place] ?? 0;
      const at = next[number] ?? 0;
      this.members[at] = place;
      next[number] = at + 1;
    }
  }

  private cellOf(coordinate: number): number {
    return Math.max(0, Math.min(this.side - 1, Math.floor(coordinate * this.side)));
  }

  /** Returns the points in the rectangle, borders included, in the order of cells. */
  inside(left: number, top: number, right: number, bottom: number): number[] {
    const found: number[] = [];
    for (let row = this.cellOf(top); row <= this.cellOf(bottom); row += 1) {
      for (let column = this.cellOf(left); column <= this.cellOf(right); column += 1) {
        const number = row * this.side + column;
        for (let at = this.start[number] ?? 0; at < (this.start[number + 1] ?? 0); at += 1) {
          const place = this.members[at] ?? 0;
          const u = this.u[place] ?? 0;
          const v = this.v[place] ?? 0;
          if (u >= left && u <= right && v >= top && v <= bottom) found.push(place);
        }
      }
    }
    return found;
  }

  /** Returns the point nearest to a place, at most `reach` away; -1 if there is none. */
  nearest(u: number, v: number, reach: number): number {
    let best = -1;
    let least = reach * reach;
    for (const place of this.inside(u - reach, v - reach, u + reach, v + reach)) {
      const distance = ((this.u[place] ?? 0) - u) ** 2 + ((this.v[place] ?? 0) - v) ** 2;
      if (distance <= least) {
        least = distance;
        best = place;
      }
    }
    return best;
  }

  /** Returns the points inside a closed line of corners [u, v, u, v, ...]. */
  within(line: number[]): number[] {
    const us = line.filter((_, at) => at % 2 === 0);
    const vs = line.filter((_, at) => at % 2 === 1);
    const around = this.inside(Math.min(...us), Math.min(...vs), Math.max(...us), Math.max(...vs));
    return around.filter((place) => isInside(us, vs, this.u[place] ?? 0, this.v[place] ?? 0));
  }
}

function isInside(us: number[], vs: number[], u: number, v: number): boolean {
  let inside = false;
  for (let at = 0, before = us.length - 1; at < us.length; before = at, at += 1) {
    const [u1, v1, u2, v2] = [us[at] ?? 0, vs[at] ?? 0, us[before] ?? 0, vs[before] ?? 0];
    if (v1 > v !== v2 > v && u < ((u2 - u1) * (v - v1)) / (v2 - v1) + u1) inside = !inside;
  }
  return inside;
}
