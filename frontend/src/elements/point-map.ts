// <point-map src="...">: the map of a library. Draws from the API; keys and pointer move a focus, pick points, zoom.
// Events: `point-focus` {item} when the focus moves, `point-open` {item} for Enter or a click, `picks` {items}.
import { type ColumnFile, columnColouring, ownColouring } from "../maps/colourings";
import type { Colouring } from "../maps/colours";
import { type Gestured, type Tool, listenTo } from "../maps/gestures";
import { Grid } from "../maps/grid";
import { type MapFile, type Points, placeOf, pointsOf, towards } from "../maps/points";
import { drawMarks, drawScene, themeOf } from "../maps/scene";
import { type Theme, type View, fitted, zoomed } from "../maps/view";

const MOST = 50_000;
const REACH = 12; // pixels around the pointer

export class PointMap extends HTMLElement implements Gestured {
  tool: Tool = "point";
  points: Points | null = null;
  colouring: Colouring | null = null;
  private grid: Grid | null = null;
  private readonly scene = document.createElement("canvas");
  private readonly marks = document.createElement("canvas");
  private readonly status = document.createElement("p");
  private theme: Theme | null = null;
  private view: View = { scale: 1, left: 0, top: 0, zoom: 1 };
  private width = 0;
  private height = 0;
  private at = -1;
  private picked = new Set<number>();
  private neighbours: number[] = [];
  private line: number[] = [];
  private wanted: "" | "marks" | "all" = "";

  connectedCallback(): void {
    if (this.contains(this.scene)) return;
    const stage = document.createElement("div");
    stage.className = "map-stage";
    this.marks.tabIndex = 0;
    this.marks.setAttribute("role", "application");
    this.marks.setAttribute("aria-label", this.getAttribute("label") ?? "Map");
    this.status.className = "map-status";
    this.status.id = "map-status";
    this.status.setAttribute("role", "status");
    this.status.textContent = "Loading the map";
    this.marks.setAttribute("aria-describedby", "map-status");
    stage.append(this.scene, this.marks);
    this.replaceChildren(stage, this.status);
    new ResizeObserver(() => {
      this.resize();
    }).observe(stage);
    document.addEventListener("theme-changed", () => {
      this.theme = null;
      this.draw("all");
    });
    listenTo(this.marks, this);
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const answer = await fetch(this.getAttribute("src") ?? "");
      if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
      const file = (await answer.json()) as MapFile;
      this.points = pointsOf(file, MOST);
      this.grid = new Grid(this.points.u, this.points.v);
      this.colouring = this.byOwn("cluster") ?? this.byOwn("residues");
      const shown = this.points.u.length;
      const left = file.index.length - shown;
      const all = left ? `${shown.toLocaleString("en")} of ${file.index.length.toLocaleString("en")}` : shown.toLocaleString("en");
      this.status.textContent = `${all} items. Arrow keys move from item to item.`;
      this.resize();
      this.dispatchEvent(new CustomEvent("map-loaded"));
    } catch (error) {
      this.status.textContent = `The map cannot be drawn: ${error instanceof Error ? error.message : "no answer"}. Reload the page to try again.`;
    }
  }

  /** Returns the colouring by a value of the map itself: "cluster" or "residues". */
  byOwn(what: string): Colouring | null {
    return this.points && ownColouring(this.points, what);
  }

  /** Returns the colouring by an uploaded column. */
  byColumn(column: ColumnFile): Colouring | null {
    return this.points && columnColouring(this.points, column);
  }

  paint(colouring: Colouring): void {
    this.colouring = colouring;
    this.draw("all");
  }

  get items(): number[] {
    const items = Array.from(this.picked, (place) => this.points?.index[place] ?? -1);
    return items.sort((one, other) => one - other);
  }

  pickItems(items: Iterable<number>, add: boolean): void {
    const { points } = this;
    if (!points) return;
    this.pick(Array.from(items, (item) => placeOf(points, item)).filter((place) => place >= 0), add);
  }

  pickClass(number: number): void {
    const places: number[] = [];
    this.colouring?.classes.forEach((found, place) => {
      if (found === number) places.push(place);
    });
    this.pick(places, true);
  }

  unpick(item: number): void {
    if (this.points && this.picked.delete(placeOf(this.points, item))) this.told();
  }

  showNeighbours(items: number[]): void {
    const { points } = this;
    if (!points) return;
    this.neighbours = items.map((item) => placeOf(points, item)).filter((place) => place >= 0);
    this.draw("marks");
  }

  focusItem(item: number): void {
    if (!this.points) return;
    const place = placeOf(this.points, item);
    if (place >= 0) this.focusPlace(place);
  }

  zoomBy(factor: number, x = this.width / 2, y = this.height / 2): void {
    this.view = zoomed(this.view, factor, x, y);
    if (this.view.zoom === 1) this.fit();
    this.draw("all");
  }

  reset(): void {
    this.fit();
    this.draw("all");
  }

  /** Returns a PNG of the visible picture, without the focus. */
  picture(): Promise<Blob | null> {
    return new Promise((resolve) => {
      this.scene.toBlob(resolve, "image/png");
    });
  }

  private fit(): void {
    this.view = fitted(this.points, this.width, this.height);
  }

  private resize(): void {
    const { width, height } = this.marks.getBoundingClientRect();
    if (!width || !height) return;
    const changed = width !== this.width || height !== this.height;
    this.width = width;
    this.height = height;
    for (const canvas of [this.scene, this.marks]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    if (changed) this.fit();
    // Setting the size clears a canvas. Drawing at once prevents an empty frame.
    this.wanted = "all";
    this.drawWanted();
  }

  private draw(what: "marks" | "all"): void {
    const waiting = this.wanted !== "";
    if (this.wanted !== "all") this.wanted = what;
    if (waiting) return;
    requestAnimationFrame(() => {
      this.drawWanted();
    });
  }

  private drawWanted(): void {
    if (!this.wanted) return;
    const all = this.wanted === "all";
    this.wanted = "";
    this.theme ??= themeOf(this);
    const { points, colouring, view, theme, at, picked, neighbours, line } = this;
    if (!points || !colouring) return;
    const scene = { points, colouring, view, theme, dpr: devicePixelRatio };
    if (all) drawScene(this.scene, scene);
    drawMarks(this.marks, scene, { at, picked, neighbours, line });
    this.dataset.drawn = String(Number(this.dataset.drawn ?? 0) + 1);
  }

  private focusPlace(place: number): void {
    const { points, colouring } = this;
    if (!points || place < 0) return;
    this.at = place;
    this.neighbours = [];
    const x = (points.u[place] ?? 0) * this.view.scale + this.view.left;
    const y = (points.v[place] ?? 0) * this.view.scale + this.view.top;
    const away = x < 0 || y < 0 || x > this.width || y > this.height;
    if (away) {
      this.view.left += this.width / 2 - x;
      this.view.top += this.height / 2 - y;
    }
    const item = points.index[place] ?? 0;
    const picked = this.picked.has(place) ? ", picked" : "";
    const facts = `record ${item + 1}, ${points.residues[place] ?? 0} residues, ${colouring?.say(place) ?? ""}`;
    this.status.textContent = `${points.name[place] ?? ""}: ${facts}${picked}. Enter opens it, space picks it.`;
    this.draw(away ? "all" : "marks");
    this.dispatchEvent(new CustomEvent("point-focus", { detail: { item } }));
  }

  private open(byKey: boolean): void {
    const item = this.points?.index[this.at];
    if (item !== undefined) this.dispatchEvent(new CustomEvent("point-open", { detail: { item, byKey } }));
  }

  private pick(places: number[], add: boolean): void {
    if (!add) this.picked.clear();
    for (const place of places) this.picked.add(place);
    this.told();
  }

  private told(): void {
    this.draw("marks");
    this.dispatchEvent(new CustomEvent("picks", { detail: { items: this.items } }));
  }

  // --- keys and pointer (`listenTo` calls these) ---

  key(key: string): boolean {
    const { points } = this;
    if (!points?.u.length) return false;
    const ways: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const way = ways[key];
    if (way) {
      const next = this.at < 0 ? 0 : towards(points, this.at, way[0], way[1]);
      this.focusPlace(next < 0 ? this.at : next);
    } else if (key === "Home" || key === "End") this.focusPlace(key === "Home" ? 0 : points.u.length - 1);
    else if (key === "Enter") this.open(true);
    else if (key === " ") this.toggle();
    else if (key === "+" || key === "=") this.zoomBy(1.4, ...this.middle());
    else if (key === "-") this.zoomBy(1 / 1.4, ...this.middle());
    else if (key === "0") this.reset();
    else return false;
    return true;
  }

  /** Returns the point that zooming keeps in place: the focus, or the middle. */
  private middle(): [number, number] {
    const { points, at, view } = this;
    if (!points || at < 0) return [this.width / 2, this.height / 2];
    return [(points.u[at] ?? 0) * view.scale + view.left, (points.v[at] ?? 0) * view.scale + view.top];
  }

  private toggle(): void {
    if (this.at < 0) return;
    if (!this.picked.delete(this.at)) this.picked.add(this.at);
    this.told();
    this.focusPlace(this.at);
  }

  press(x: number, y: number): void {
    const { scale, left, top } = this.view;
    const found = this.grid?.nearest((x - left) / scale, (y - top) / scale, REACH / scale) ?? -1;
    if (found < 0) return;
    this.focusPlace(found);
    this.open(false);
  }

  pan(dx: number, dy: number): void {
    this.view.left += dx;
    this.view.top += dy;
    this.draw("all");
  }

  beginLine(x: number, y: number): void {
    this.line = [x, y];
  }

  extendLine(x: number, y: number): void {
    const [startX, startY] = [this.line[0] ?? x, this.line[1] ?? y];
    if (this.tool === "box") this.line = [startX, startY, x, startY, x, y, startX, y];
    else this.line.push(x, y);
    this.draw("marks");
  }

  /** Picks the points inside the line. Returns false if the line is too short. */
  endLine(add: boolean): boolean {
    if (this.line.length < 6) return false;
    const { scale, left, top } = this.view;
    const line = this.line.map((value, at) => (value - (at % 2 ? top : left)) / scale);
    const found = this.grid?.within(line) ?? [];
    this.pick(found, add);
    this.status.textContent = `${found.length.toLocaleString("en")} items ${add ? "added to the picks" : "picked"}.`;
    return true;
  }

  breakLine(): void {
    this.line = [];
    this.draw("marks");
  }
}

customElements.define("point-map", PointMap);
