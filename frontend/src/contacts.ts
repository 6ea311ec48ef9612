// The page of a contact map.
import { contactHeat, type Structure } from "./pictures/contact-data";
import { HeatMap } from "./pictures/heat-map";
import { drawn, fetched } from "./pictures/source";

interface Item {
  sequence: string;
  result: { contacts: number[][] };
}

const root = document.getElementById("contacts");
const heat = root?.querySelector("heat-map");
if (root && heat instanceof HeatMap) {
  void drawn(root, async () => {
    const [item, structure] = await Promise.all([
      fetched<Item>(root.dataset.source ?? ""),
      root.dataset.structure ? fetched<Structure>(root.dataset.structure) : null,
    ]);
    heat.heat = contactHeat(item.result.contacts, item.sequence, Number(root.dataset.separation), structure);
  });
}
