// What all pictures share: a canvas that is sharp on any screen and in any theme, a keyboard path, and a PNG.
// A live region has the exact value of the focused element. `data-ready` marks a drawn picture.
import "../styles/pictures.css";

export interface Palette {
  dark: boolean;
  ground: string;
  text: string;
  quiet: string;
  line: string;
  track: string;
  accent: string;
  good: string;
  bad: string;
}

export type Context2d = CanvasRenderingContext2D;

export const FONT = "12px system-ui, sans-serif";
export const MONO = "12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";

function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    dark: document.documentElement.dataset.bsTheme === "dark",
    ground: read("--bs-body-bg"),
    text: read("--bs-body-color"),
    quiet: read("--bs-secondary-color"),
    line: read("--bs-border-color"),
    track: read("--e1-track"),
    accent: read("--bs-primary"),
    good: read("--e1-good"),
    bad: read("--e1-bad"),
  };
}

export abstract class Picture extends HTMLElement {
  protected readonly canvas = document.createElement("canvas");
  protected readonly stage = document.createElement("div");
  protected readonly tools = document.createElement("div");
  protected colours: Palette = palette();
  private readonly readout = document.createElement("p");
  private readonly spoken = document.createElement("p");
  private readonly tip = document.createElement("div");
  private readonly size = new ResizeObserver(() => {
    this.redraw();
  });
  private listening = new AbortController();
  private frame = 0;
  private built = false;

  /** Whether there is anything to draw. */
  protected abstract get filled(): boolean;
  /** Height in CSS pixels at this width. */
  protected abstract height(width: number): number;
  protected abstract paint(context: Context2d, width: number, height: number): void;
  /** Returns the focused element in words, with its exact value. */
  protected abstract focusText(): string;
  /** Moves the focus or the view, and returns whether the key was used. */
  protected abstract onKey(event: KeyboardEvent): boolean;
  /** Describes this place of the canvas in words; empty if there is nothing. */
  protected abstract hoverText(x: number, y: number): string;
  protected abstract onClick(x: number, y: number, event: MouseEvent): void;

  connectedCallback(): void {
    if (!this.built) this.build();
    this.size.observe(this.stage);
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener(
      "theme-changed",
      () => {
        this.redraw();
      },
      { signal },
    );
    addEventListener(
      "resize", // also when the window moves to a screen of another density
      () => {
        this.redraw();
      },
      { signal },
    );
  }

  disconnectedCallback(): void {
    this.size.disconnect();
    this.listening.abort();
  }

  private build(): void {
    this.built = true;
    this.stage.className = "picture-stage";
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-roledescription", this.getAttribute("kind-name") ?? "picture");
    this.stage.setAttribute("aria-label", this.getAttribute("label") ?? "Picture");
    this.readout.className = "picture-readout quiet";
    this.readout.setAttribute("aria-hidden", "true");
    this.readout.textContent = this.getAttribute("hint") ?? "";
    this.spoken.className = "visually-hidden";
    this.spoken.setAttribute("role", "status");
    this.tools.className = "picture-tools";
    this.canvas.setAttribute("aria-hidden", "true");
    this.tip.className = "picture-tip";
    this.tip.setAttribute("aria-hidden", "true");
    this.tip.hidden = true;
    this.stage.append(this.canvas, this.tip);
    this.append(this.stage, this.readout, this.spoken, this.tools);
    this.stage.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || !this.filled || !this.onKey(event)) return;
      event.preventDefault();
      this.say(this.focusText());
      this.redraw();
    });
    this.stage.addEventListener("focus", () => {
      if (this.filled && this.stage.matches(":focus-visible")) this.say(this.focusText());
      this.redraw();
    });
    this.stage.addEventListener("blur", () => {
      this.redraw();
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const text = event.buttons ? "" : this.hoverText(event.offsetX, event.offsetY);
      if (text) this.readout.textContent = text;
      this.point(text, event);
    });
    this.canvas.addEventListener("pointerleave", () => {
      this.tip.hidden = true;
    });
    this.canvas.addEventListener("click", (event) => {
      if (!this.filled) return;
      this.onClick(event.offsetX, event.offsetY, event);
      this.say(this.focusText());
      this.redraw();
    });
  }

  /** Shows a text beside the pointer, within the picture. A finger would cover it. */
  private point(text: string, event: PointerEvent): void {
    this.tip.hidden = !text || event.pointerType === "touch";
    if (this.tip.hidden) return;
    this.tip.textContent = text;
    const right = event.offsetX > this.stage.clientWidth / 2;
    this.tip.style.left = right ? "auto" : `${event.offsetX + 14}px`;
    this.tip.style.right = right ? `${this.stage.clientWidth - event.offsetX + 14}px` : "auto";
    this.tip.style.top = `${event.offsetY + 14}px`;
  }

  /** Shows a text, which screen readers read too. */
  protected say(text: string): void {
    this.readout.textContent = text;
    this.spoken.textContent = text;
  }

  protected get focused(): boolean {
    return this.stage.matches(":focus");
  }

  /** Draws at the next frame; several calls draw once. */
  redraw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.show();
    });
  }

  private show(): void {
    if (!this.filled || !this.isConnected) return;
    const width = this.stage.clientWidth;
    if (!width) return;
    const height = this.height(width);
    this.canvas.style.height = `${height}px`;
    this.render(this.canvas, width, height, devicePixelRatio || 1);
    this.dataset.ready = "";
  }

  private render(canvas: HTMLCanvasElement, width: number, height: number, density: number): void {
    this.colours = palette();
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const context = canvas.getContext("2d");
    if (!context) return;
    context.setTransform(density, 0, 0, density, 0, 0);
    context.fillStyle = this.colours.ground;
    context.fillRect(0, 0, width, height);
    this.paint(context, width, height);
  }

  protected button(text: string, label: string, act: () => void): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-secondary";
    button.textContent = text;
    if (label) button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    this.tools.append(button);
    return button;
  }

  /** Returns a button that saves the picture at twice the density of the screen. */
  protected pngButton(): void {
    this.button("Save as PNG", "", () => {
      const width = this.stage.clientWidth;
      const copy = document.createElement("canvas");
      this.render(copy, width, this.height(width), 2);
      copy.toBlob((blob) => {
        if (!blob) return;
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = `${this.getAttribute("file-name") ?? "picture"}.png`;
        link.click();
        setTimeout(() => {
          URL.revokeObjectURL(link.href);
        }, 10_000);
      }, "image/png");
    });
  }
}
