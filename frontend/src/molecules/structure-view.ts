// <structure-view>: the chain of a structure in 3Dmol.js, coloured by numbers of its residues. The page's script sets
// `names` and `colouring`, and calls `draw`; the event `residue-chosen` has the position. Arrow keys turn, plus and minus zoom, Page up and
// Page down choose the residue before and after.
//
// 3Dmol.js is a chunk of its own, loaded with the first structure. The content security policy forbids two of its parts,
// and both stay unused: `eval` runs for callbacks that are text, and a worker from a blob for surfaces.
import type { Atom, Viewer } from "3dmol/build/3Dmol.es6-min.js";
import "../styles/pictures.css";
import { CHAIN, type Colouring, colouring, described, type Drawn, drawnAs, legendOf, LIGANDS, nextPosition, residueAt } from "./residues";

const NO_WEBGL = "This browser cannot draw the structure, because it has no WebGL. The table holds the same numbers.";
const TURN = 10; // degrees of one press of a key

const point = ({ x, y, z }: Atom) => ({ x, y, z });

export interface Chosen {
  position: number;
}

export class StructureView extends HTMLElement {
  private readonly stage = document.createElement("div");
  private readonly legend = document.createElement("p");
  private readonly readout = document.createElement("p");
  private readonly spoken = document.createElement("p");
  private readonly tools = document.createElement("div");
  private readonly size = new ResizeObserver(() => {
    this.viewer?.resize();
  });
  private viewer: Viewer | null = null;
  private shown: Drawn | null = null;
  private coloured: Colouring | null = null;
  private chosen: readonly number[] = [];
  private labels: readonly string[] = [];
  private centres: ReadonlyMap<number, Atom> = new Map(); // C-alpha atoms by residue
  private built = false;

  connectedCallback(): void {
    if (!this.built) this.build();
    this.size.observe(this.stage);
    document.addEventListener("theme-changed", this.repaint);
  }

  disconnectedCallback(): void {
    this.size.disconnect();
    document.removeEventListener("theme-changed", this.repaint);
  }

  /** The labels of the positions of the sequence. */
  set names(names: readonly string[]) {
    this.labels = names;
  }

  set colouring(chosen: Colouring) {
    this.coloured = chosen;
    this.paint();
  }

  /** The positions that the page shows: one residue, or the two of a pair. */
  set positions(positions: readonly number[]) {
    this.chosen = positions;
    this.paint();
    const [position] = positions;
    if (position !== undefined) this.tell(position);
  }

  /** Loads 3Dmol.js and draws. Throws an Error with a sentence for people if the browser has no WebGL. */
  async draw(drawn: Drawn): Promise<void> {
    this.shown = drawn;
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error(NO_WEBGL);
    const { createViewer } = await import("3dmol/build/3Dmol.es6-min.js");
    this.stage.replaceChildren();
    const viewer = this.created(createViewer);
    const model = viewer.addModel(drawn.pdb, "pdb", { noComputeSecondaryStructure: true });
    this.assign(model.selectedAtoms({ chain: CHAIN }), drawn);
    this.centres = new Map(model.selectedAtoms({ chain: CHAIN, atom: "CA" }).map((atom) => [atom.resi, atom]));
    viewer.setClickable({ chain: CHAIN }, true, (atom) => {
      this.choose(drawn.positions[atom.resi - 1] ?? null);
    });
    viewer.setHoverable(
      { chain: CHAIN },
      true,
      (atom) => {
        this.readout.textContent = described(drawn, atom.resi, this.labels, this.coloured);
      },
      () => undefined,
    );
    this.viewer = viewer;
    this.paint();
    viewer.zoomTo({ chain: CHAIN });
    viewer.render();
    this.dataset.ready = "";
  }

  private created(createViewer: (element: HTMLElement, options: Record<string, unknown>) => Viewer): Viewer {
    try {
      return createViewer(this.stage, { backgroundColor: this.ground, antialias: true });
    } catch {
      throw new Error(NO_WEBGL);
    }
  }

  /** Gives the atoms the secondary structure that the service has found, so that picture and table agree. */
  private assign(atoms: readonly Atom[], drawn: Drawn): void {
    for (const atom of atoms) {
      const at = atom.resi - 1;
      const own = drawn.secondary[at];
      atom.ss = drawnAs(own);
      if (own !== "H" && own !== "E") continue;
      if (drawn.secondary[at - 1] !== own) atom.ssbegin = true;
      if (drawn.secondary[at + 1] !== own) atom.ssend = true;
    }
  }

  private readonly repaint = (): void => {
    this.viewer?.setBackgroundColor(this.ground, 1);
    this.paint();
  };

  private get dark(): boolean {
    return document.documentElement.dataset.bsTheme === "dark";
  }

  private get ground(): string {
    return this.dark ? "#212529" : "#ffffff";
  }

  private paint(): void {
    const [viewer, drawn] = [this.viewer, this.shown];
    if (!viewer || !drawn) return;
    const colour = this.coloured ? colouring(drawn, this.coloured, this.dark) : () => 0x8899aa;
    const colorfunc = (atom: Atom) => colour(atom.resi);
    // A ribbon needs the atoms O, as secondary structure does. Without them there is a tube through C-alpha atoms.
    const shape = drawn.secondary ? { arrows: true } : { style: "trace", thickness: 0.5 };
    viewer.setStyle({ chain: CHAIN }, { cartoon: { colorfunc, ...shape } });
    viewer.setStyle({ chain: LIGANDS }, { stick: { radius: 0.2 } });
    const residues = this.chosen.map((position) => residueAt(drawn, position)).filter((one): one is number => one !== null);
    if (residues.length) {
      viewer.addStyle({ chain: CHAIN, resi: residues }, { stick: { radius: 0.25, color: this.dark ? "#ffd24d" : "#d55e00" } });
    }
    viewer.removeAllShapes();
    this.join(viewer, residues);
    viewer.render();
    this.explain();
  }

  /** Writes the numbers at both ends of the colours. */
  private explain(): void {
    if (!this.coloured) return;
    const { low, high, gradient } = legendOf(this.coloured, this.dark);
    const bar = document.createElement("span");
    bar.style.background = gradient;
    this.legend.replaceChildren(low, bar, high, ...(this.hasGap() ? ["; grey: no number"] : []));
  }

  private hasGap(): boolean {
    const [drawn, values] = [this.shown, this.coloured?.values];
    return Boolean(drawn?.positions.some((position) => position === null || !Number.isFinite(values?.[position - 1] ?? NaN)));
  }

  /** Draws a line between the two residues of a pair. */
  private join(viewer: Viewer, residues: readonly number[]): void {
    const [first, second] = residues.map((residue) => this.centres.get(residue));
    if (residues.length !== 2 || !first || !second) return;
    viewer.addCylinder({ start: point(first), end: point(second), radius: 0.15, dashed: true, color: this.dark ? "#ffd24d" : "#d55e00" });
  }

  private choose(position: number | null): void {
    if (position === null) return;
    this.dispatchEvent(new CustomEvent<Chosen>("residue-chosen", { detail: { position }, bubbles: true }));
  }

  private tell(position: number): void {
    const residue = this.shown ? residueAt(this.shown, position) : null;
    const text = this.shown && residue !== null ? described(this.shown, residue, this.labels, this.coloured) : "";
    const words = text || `${this.labels[position - 1] ?? String(position)} is not resolved in the structure`;
    this.readout.textContent = words;
    this.spoken.textContent = words;
  }

  private build(): void {
    this.built = true;
    this.stage.className = "molecule-stage";
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-roledescription", "structure");
    this.stage.setAttribute("aria-label", this.getAttribute("label") ?? "Structure");
    this.legend.className = "molecule-legend quiet";
    this.readout.className = "picture-readout quiet";
    this.readout.setAttribute("aria-hidden", "true");
    this.readout.textContent = this.getAttribute("hint") ?? "";
    this.spoken.className = "visually-hidden";
    this.spoken.setAttribute("role", "status");
    this.tools.className = "picture-tools";
    this.append(this.stage, this.legend, this.readout, this.spoken, this.tools);
    this.button("Zoom in", () => {
      this.viewer?.zoom(1.25);
    });
    this.button("Zoom out", () => {
      this.viewer?.zoom(0.8);
    });
    this.button("Show all", () => {
      this.viewer?.zoomTo({ chain: CHAIN });
    });
    this.button("Save as PNG", () => {
      this.save();
    });
    this.stage.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || !this.onKey(event.key)) return;
      event.preventDefault();
      this.viewer?.render();
    });
    // A wheel without Ctrl scrolls the page, as over the other pictures.
    this.stage.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) event.stopPropagation();
      },
      { capture: true },
    );
  }

  private button(text: string, act: () => void): void {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-secondary";
    button.textContent = text;
    button.addEventListener("click", () => {
      act();
      this.viewer?.render();
    });
    this.tools.append(button);
  }

  private save(): void {
    if (!this.viewer) return;
    const link = document.createElement("a");
    link.href = this.viewer.pngURI();
    link.download = "structure.png";
    link.click();
  }

  private onKey(key: string): boolean {
    const [viewer, drawn] = [this.viewer, this.shown];
    if (!viewer || !drawn) return false;
    const turns: Readonly<Record<string, [number, string]>> = {
      ArrowLeft: [-TURN, "y"],
      ArrowRight: [TURN, "y"],
      ArrowUp: [-TURN, "x"],
      ArrowDown: [TURN, "x"],
    };
    const turn = turns[key];
    if (turn) viewer.rotate(...turn);
    else if (key === "+" || key === "=") viewer.zoom(1.25);
    else if (key === "-" || key === "_") viewer.zoom(0.8);
    else if (key === "0") viewer.zoomTo({ chain: CHAIN });
    else if (key === "PageUp" || key === "PageDown") this.choose(nextPosition(drawn, this.chosen[0] ?? null, key === "PageDown" ? 1 : -1));
    else return false;
    return true;
  }
}

customElements.define("structure-view", StructureView);
