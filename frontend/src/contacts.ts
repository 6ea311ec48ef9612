// The page of a contact map.
import { contactCounts, type Panel, structurePanel } from "./molecules/panel";
import type { Colouring } from "./molecules/residues";
import type { Chosen } from "./molecules/structure-view";
import { contactHeat, type Structure } from "./pictures/contact-data";
import type { Cell } from "./pictures/heat";
import { HeatMap } from "./pictures/heat-map";
import { drawn, fetched, started } from "./pictures/source";

interface Item {
  sequence: string;
  result: { contacts: number[][] };
}

/** Draws the structure beside the map, coloured by the best predicted contact or by the number of contacts. */
function structureOf({ sequence, result }: Item, structure: Structure): Panel | null {
  const names = Array.from(sequence, (_, at) => String(at + 1));
  const best = result.contacts.map((row, at) => {
    const apart = row.filter((_, other) => Math.abs(at - other) >= 6);
    return apart.length ? Math.max(...apart) : NaN;
  });
  return structurePanel(
    names,
    new Map<string, Colouring>([
      ["contact", { title: "Best predicted contact", values: best, scale: "sequential", digits: 3 }],
      ["touching", { title: "Contacts", values: contactCounts(structure, sequence.length), scale: "sequential", digits: 0 }],
    ]),
  );
}

/** Shows the pair of a chosen cell in the structure, and the column of a chosen residue in the map. */
function link(heat: HeatMap, panel: Panel | null): void {
  if (!panel) return;
  heat.addEventListener("cell-chosen", (event) => {
    const { row, column } = (event as CustomEvent<Cell>).detail;
    heat.column = column;
    panel.choose(row === column ? [row + 1] : [row + 1, column + 1]);
  });
  document.addEventListener("residue-chosen", (event) => {
    const { position } = (event as CustomEvent<Chosen>).detail;
    heat.column = position - 1;
    panel.choose([position]);
  });
}

function start(root: HTMLElement): void {
  const heat = root.querySelector("heat-map");
  if (!(heat instanceof HeatMap)) return;
  void drawn(root, async () => {
    const [item, structure] = await Promise.all([
      fetched<Item>(root.dataset.source ?? ""),
      root.dataset.structure ? fetched<Structure>(root.dataset.structure) : null,
    ]);
    heat.heat = contactHeat(item.result.contacts, item.sequence, Number(root.dataset.separation), structure);
    if (structure) link(heat, structureOf(item, structure));
  });
}

started("contacts", start);
