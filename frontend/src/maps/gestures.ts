// Keys, wheel and pointer on a map, translated into a few commands.

export type Tool = "point" | "box" | "lasso";

/** The receiver of the commands; places are in pixels of the stage. */
export interface Gestured {
  readonly tool: Tool;
  /** Returns whether the key was used. */
  key(key: string): boolean;
  zoomBy(factor: number, x: number, y: number): void;
  pan(dx: number, dy: number): void;
  press(x: number, y: number): void;
  /** A line around items: start, next point, end. `breakLine` forgets it. */
  beginLine(x: number, y: number): void;
  extendLine(x: number, y: number): void;
  endLine(add: boolean): boolean;
  breakLine(): void;
}

const STILL = 4; // pixels that a press may move

export function listenTo(stage: HTMLElement, map: Gestured): void {
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (map.key(event.key)) event.preventDefault();
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      // The wheel scrolls the page unless the map has the keyboard.
      if (document.activeElement !== stage && !event.ctrlKey) return;
      event.preventDefault();
      map.zoomBy(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    },
    { passive: false },
  );
  let last: [number, number] | null = null;
  let moved = 0;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    last = [event.offsetX, event.offsetY];
    moved = 0;
    if (map.tool !== "point") map.beginLine(...last);
    if (event.pointerType === "mouse" || map.tool !== "point") stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!last) return;
    const [dx, dy] = [event.offsetX - last[0], event.offsetY - last[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    last = [event.offsetX, event.offsetY];
    if (map.tool !== "point") map.extendLine(...last);
    else if (moved >= STILL) map.pan(dx, dy);
  });
  stage.addEventListener("pointerup", (event) => {
    if (!last) return;
    last = null;
    const around = map.tool !== "point" && map.endLine(event.shiftKey);
    if (!around && moved < STILL) map.press(event.offsetX, event.offsetY);
    map.breakLine();
  });
  stage.addEventListener("pointercancel", () => {
    last = null;
    map.breakLine();
  });
}
