// The page of a scan. Heat map, means and logo share a position, which is in the address (`?position=24`), so
// that reload and the back button show it again. The server renders the panel beside them, as it does without scripts.
import htmx from "htmx.org";
import { contactCounts, drawnChain, type Panel, structurePanel, type Touching } from "./molecules/panel";
import type { Colouring, Drawn } from "./molecules/residues";
import type { Chosen } from "./molecules/structure-view";
import { basketWords, changeBasket, followBasket } from "./pictures/basket";
import type { Cell } from "./pictures/heat";
import { HeatMap } from "./pictures/heat-map";
import { AnnotationTrack } from "./pictures/annotation-track";
import { AxisScroll, firstPart } from "./pictures/axis-scroll";
import { PositionTrack } from "./pictures/position-track";
import { cellsOf, heatOf, type Layers, logoOf, meansOf, type Scan, spreadOut, trackOf, wordsOf } from "./pictures/scan-data";
import { SequenceLogo } from "./pictures/sequence-logo";
import { drawn, fetched, started } from "./pictures/source";
import { showing, type Span, whole } from "./pictures/span";
import { type Annotations, rowsOf, secondaryRow, type TrackRow } from "./pictures/track-data";

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

/** Draws the structure beside the scan, coloured by its means, the measured ones, or the number of contacts. */
async function structureOf(sequence: string, scan: Scan, layers: Layers | null, drawn: Promise<Drawn> | null): Promise<Panel | null> {
  const address = document.getElementById("molecule")?.dataset.structure;
  if (!address) return null;
  const length = sequence.length;
  const names = Array.from({ length }, (_, at) => String(at + 1));
  for (const [column, position] of scan.positions.entries()) names[position - 1] = scan.numbers[column] ?? "";
  const colourings = new Map<string, Colouring>([
    ["mean", { title: "Mean score", values: spreadOut(meansOf(scan, sequence), scan.positions, length), scale: "diverging", digits: 2 }],
  ]);
  const measured = layers?.matrices.measured;
  if (measured) {
    const means = measured.map((row) => {
      const known = row.filter((value): value is number => value !== null);
      return known.length ? known.reduce((all, one) => all + one, 0) / known.length : NaN;
    });
    const values = spreadOut(means, scan.positions, length);
    colourings.set("measured", { title: "Mean measured", values, scale: "sequential", digits: 3 });
  }
  const touching = contactCounts(await fetched<Touching>(address), length);
  colourings.set("touching", { title: "Contacts", values: touching, scale: "sequential", digits: 0 });
  return structurePanel(names, colourings, drawn);
}

/** Returns the rows of annotations: secondary structure if there is a structure, and the tables of the user. */
async function tracksOf(root: HTMLElement, scan: Scan, drawn: Promise<Drawn> | null): Promise<TrackRow[]> {
  const item = Number(root.dataset.item ?? 0);
  const chain = drawn?.catch(() => null); // the panel of the structure says why
  const annotations = root.dataset.tracks ? await fetched<Annotations>(root.dataset.tracks) : { results: [] };
  const rows = rowsOf(annotations, item, scan.positions);
  const structure = await chain;
  const secondary = structure ? secondaryRow(structure.secondary, structure.positions, scan.positions, scan.numbers) : null;
  return secondary ? [secondary, ...rows] : rows;
}

function start(root: HTMLElement): void {
  const heat = root.querySelector("heat-map");
  const track = root.querySelector("position-track");
  const logo = root.querySelector("sequence-logo");
  const tracks = root.querySelector("annotation-track");
  const axis = root.querySelector("axis-scroll");
  if (!(tracks instanceof AnnotationTrack) || !(axis instanceof AxisScroll)) return;
  if (!(heat instanceof HeatMap) || !(track instanceof PositionTrack) || !(logo instanceof SequenceLogo)) return;
  let positions: readonly number[] = [];
  let panel: Panel | null = null;
  let part: Span = whole(1);

  /** Shows the same part of the axis in all pictures but the one that it comes from. */
  const share = (span: Span, from: EventTarget | null = null) => {
    part = span;
    for (const picture of [heat, track, tracks, logo, axis]) if (picture !== from) picture.span = span;
  };

  const show = () => {
    const asked = Number(new URLSearchParams(location.search).get("position"));
    const column = positions.includes(asked) ? positions.indexOf(asked) : null;
    if (column !== null) share(showing(part, positions.length, column));
    for (const picture of [heat, track, tracks, logo]) picture.column = column;
    panel?.choose(column === null ? [] : [asked]);
  };
  const goTo = (position: number) => {
    const address = new URL(location.href);
    if (address.searchParams.get("position") === String(position)) return;
    address.searchParams.set("position", String(position));
    address.searchParams.delete("page");
    address.hash = "";
    go(address);
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
    const columns = positions.length;
    part = whole(columns);
    const draw = (layer: string) => {
      heat.heat = heatOf(result, sequence, layers, layer);
      heat.picked = cellsOf(basketWords(), positions);
      show();
    };
    draw(root.dataset.layer ?? "score");
    followLayer(draw);
    track.track = trackOf(result, sequence);
    logo.logo = logoOf(result, sequence);
    axis.columns = columns;
    share(firstPart(columns, root.querySelector(".picture-stage")?.clientWidth ?? 0));
    show();
    const chain = drawnChain();
    tracks.tracks = { rows: await tracksOf(root, result, chain), columns };
    tracks.span = part;
    panel = await structureOf(sequence, result, layers, chain);
    show();
  });
  root.addEventListener("cell-chosen", (event) => {
    const position = positions[(event as CustomEvent<Cell>).detail.column];
    if (position !== undefined) goTo(position);
  });
  document.addEventListener("residue-chosen", (event) => {
    const { position } = (event as CustomEvent<Chosen>).detail;
    if (positions.includes(position)) goTo(position);
    else panel?.choose([position]);
  });
  root.addEventListener("span-changed", (event) => {
    share((event as CustomEvent<Span>).detail, event.target);
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
