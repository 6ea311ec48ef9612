// The page of a contact map.
import { contactHeat, type Structure } from "./pictures/contact-data";
import { HeatMap } from "./pictures/heat-map";
import { drawn, fetched, started } from "./pictures/source";

interface Item {
  sequence: string;
  result: { contacts: number[][] };
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
  });
}

started("contacts", start);
