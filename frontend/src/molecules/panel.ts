// The structure of a page: fetched, drawn, coloured by the choice, and linked with the other pictures.
import { fetched } from "../pictures/source";
import type { Colouring, Drawn } from "./residues";
import { StructureView } from "./structure-view";

export interface Panel {
  /** Shows positions of the sequence, from 1. */
  choose(positions: readonly number[]): void;
}

/** Draws the structure of the page, if it has one. `colourings` are those of the choice, by name. */
export function structurePanel(
  names: readonly string[],
  colourings: ReadonlyMap<string, Colouring>,
  drawn: Promise<Drawn> | null = drawnChain(),
): Panel | null {
  const view = document.getElementById("molecule");
  const choice = document.getElementById("id_structure_colour");
  if (!(view instanceof StructureView) || !(choice instanceof HTMLSelectElement)) return null;
  view.names = names;
  const colour = () => {
    const chosen = colourings.get(choice.value);
    if (chosen) view.colouring = chosen;
  };
  choice.addEventListener("change", colour);
  colour();
  if (drawn) void draw(view, drawn);
  return {
    choose: (positions) => {
      view.positions = positions;
    },
  };
}

/** Fetches the chain of the page's structure; null if it has none. */
export function drawnChain(): Promise<Drawn> | null {
  const address = document.getElementById("molecule")?.dataset.model;
  return address ? fetched<Drawn>(address) : null;
}

async function draw(view: StructureView, drawn: Promise<Drawn>): Promise<void> {
  const place = document.querySelector("[data-structure-waiting]");
  if (place) place.textContent = "Drawing the structure …";
  try {
    await view.draw(await drawn);
    place?.remove();
  } catch (error) {
    if (place) place.textContent = error instanceof Error ? error.message : "The structure cannot be drawn.";
  }
}

export interface Touching {
  contacts: readonly (readonly [number, number])[];
  unresolved: readonly number[];
}

/** Returns the number of contacts at least `separation` along the chain of each position; NaN if it is not resolved. */
export function contactCounts(structure: Touching, length: number, separation = 6): number[] {
  const found = new Array<number>(length).fill(0);
  for (const [first, second] of structure.contacts) {
    if (second - first < separation && first - second < separation) continue;
    for (const position of [first, second]) found[position - 1] = (found[position - 1] ?? 0) + 1;
  }
  for (const position of structure.unresolved) found[position - 1] = NaN;
  return found;
}
