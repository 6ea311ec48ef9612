// The part of 3Dmol.js that <structure-view> uses. The package has no types for its bundle of modules.
declare module "3dmol/build/3Dmol.es6-min.js" {
  export interface Atom {
    atom: string;
    chain: string;
    resi: number;
    ss: string;
    ssbegin?: boolean;
    ssend?: boolean;
    x: number;
    y: number;
    z: number;
  }

  export interface Selection {
    chain?: string;
    resi?: number | number[];
    atom?: string;
    not?: Selection;
  }

  export interface Model {
    selectedAtoms(selection: Selection): Atom[];
  }

  export interface Viewer {
    addModel(text: string, format: string, options?: Record<string, unknown>): Model;
    setStyle(selection: Selection, style: Record<string, unknown>): void;
    addStyle(selection: Selection, style: Record<string, unknown>): void;
    setClickable(selection: Selection, clickable: boolean, callback: (atom: Atom) => void): void;
    setHoverable(selection: Selection, hoverable: boolean, enter: (atom: Atom) => void, leave: () => void): void;
    addCylinder(spec: Record<string, unknown>): unknown;
    removeAllShapes(): void;
    setBackgroundColor(colour: string, alpha: number): void;
    rotate(angle: number, axis: string): void;
    zoom(factor: number): void;
    zoomTo(selection?: Selection): void;
    center(selection?: Selection): void;
    resize(): void;
    render(): void;
    pngURI(): string;
  }

  export function createViewer(element: HTMLElement, options: Record<string, unknown>): Viewer;
}
