// The page of a scan. Heat map, means and logo share a position, which is in the address (`?position=24`), so
// that reload and the back button show it again. The server renders the panel beside them, as it does without scripts.
import htmx from "htmx.org";
import { basketWords, changeBasket, followBasket } from "./pictures/basket";
import type { Cell } from "./pictures/heat";
import { HeatMap } from "./pictures/heat-map";
import { PositionTrack } from "./pictures/position-track";
import { cellsOf, heatOf, type Layers, logoOf, type Scan, trackOf, wordsOf } from "./pictures/scan-data";
import { SequenceLogo } from "./pictures/sequence-logo";
import { drawn, fetched, started } from "./pictures/source";
import type { Span } from "./pictures/span";

interface Item {
  sequence: string;
  result: Scan;
}

/** Draws the layer that is chosen, without a new page. Its name stays in the address; the table view follows on reload. */
function followLayer(draw: (layer: string) => void): void {
  const choice = document.getElementById("id_show");
  if (!(choice instanceof HTMLSelectElement)) return;
  choice.addEventListener("change", () => {
    const address = new URL(location.href);
    address.searchParams.set("show", choice.value);
    history.replaceState(null, "", address);
    draw(choice.value);
  });
}

function start(root: HTMLElement): void {
  const heat = root.querySelector("heat-map");
  const track = root.querySelector("position-track");
  const logo = root.querySelector("sequence-logo");
  if (!(heat instanceof HeatMap) || !(track instanceof PositionTrack) || !(logo instanceof SequenceLogo)) return;
  let positions: readonly number[] = [];

  const show = () => {
    const asked = Number(new URLSearchParams(location.search).get("position"));
    const column = positions.includes(asked) ? positions.indexOf(asked) : null;
    for (const picture of [heat, track, logo]) picture.column = column;
  };
  const beside = () => {
    void htmx.ajax("get", location.href, { target: "#beside", swap: "innerHTML" });
    show();
  };
  const go = (address: URL) => {
    history.pushState(null, "", address);
    beside();
  };

  void drawn(root, async () => {
    const [{ sequence, result }, layers] = await Promise.all([
      fetched<Item>(root.dataset.source ?? ""),
      root.dataset.layers ? fetched<Layers>(root.dataset.layers) : null,
    ]);
    positions = result.positions;
    const draw = (layer: string) => {
      heat.heat = heatOf(result, sequence, layers, layer);
      heat.picked = cellsOf(basketWords(), positions);
      show();
    };
    draw(root.dataset.layer ?? "score");
    followLayer(draw);
    track.track = trackOf(result, sequence);
    logo.logo = logoOf(result, sequence);
    show();
  });
  root.addEventListener("cell-chosen", (event) => {
    const position = positions[(event as CustomEvent<Cell>).detail.column];
    const address = new URL(location.href);
    if (position === undefined || address.searchParams.get("position") === String(position)) return;
    address.searchParams.set("position", String(position));
    address.searchParams.delete("page");
    address.hash = "";
    go(address);
  });
  root.addEventListener("span-changed", (event) => {
    track.span = logo.span = (event as CustomEvent<Span>).detail;
  });
  followBasket(root, (words) => {
    heat.picked = cellsOf(words, positions);
  });
  root.addEventListener("cells-picked", (event) => {
    const words = wordsOf((event as CustomEvent<readonly Cell[]>).detail, positions);
    void changeBasket(words);
  });
  root.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("a[data-show]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(new URL(link.href));
  });
  addEventListener("popstate", beside);
}

started("scan", start);
