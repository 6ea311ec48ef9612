// What a map shows: the visible part, fitted to its room or zoomed about a place, and the colours of the page.
import type { Points } from "./points";

export interface View {
  /** Pixels of the page per unit, and where the unit square begins. */
  scale: number;
  left: number;
  top: number;
  /** 1 shows everything. */
  zoom: number;
}

export interface Theme {
  ground: string;
  text: string;
  edge: string;
  mark: string;
}

const MARGIN = 24; // pixels
const LARGEST_ZOOM = 400;

/** Returns the view of the whole map. A flat map uses the full width. */
export function fitted(points: Points | null, width: number, height: number): View {
  let [left, right, top, bottom] = [0, 1, 0, 1];
  if (points?.u.length) {
    [left, right, top, bottom] = [1, 0, 1, 0];
    for (let place = 0; place < points.u.length; place += 1) {
      left = Math.min(left, points.u[place] ?? left);
      right = Math.max(right, points.u[place] ?? right);
      top = Math.min(top, points.v[place] ?? top);
      bottom = Math.max(bottom, points.v[place] ?? bottom);
    }
  }
  const across = (width - 2 * MARGIN) / Math.max(right - left, 0.001);
  const down = (height - 2 * MARGIN) / Math.max(bottom - top, 0.001);
  const scale = Math.max(1, Math.min(across, down));
  return { zoom: 1, scale, left: width / 2 - scale / 2, top: height / 2 - scale / 2 };
}

/** Returns the view scaled by a factor. The point (x, y), in pixels, stays in place. */
export function zoomed(view: View, factor: number, x: number, y: number): View {
  const zoom = Math.max(1, Math.min(LARGEST_ZOOM, view.zoom * factor));
  const real = zoom / view.zoom;
  return { zoom, scale: view.scale * real, left: x - (x - view.left) * real, top: y - (y - view.top) * real };
}
