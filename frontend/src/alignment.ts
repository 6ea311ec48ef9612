// The page of an alignment: coverage and identity, depth, and conservation, under one axis.
import { alignmentHeat, alignmentLogo, alignmentTrack, type Summary } from "./pictures/alignment-data";
import { HeatMap } from "./pictures/heat-map";
import { PositionTrack } from "./pictures/position-track";
import { SequenceLogo } from "./pictures/sequence-logo";
import { drawn, fetched, started } from "./pictures/source";
import type { Span } from "./pictures/span";

function start(root: HTMLElement): void {
  const heat = root.querySelector("heat-map");
  const track = root.querySelector("position-track");
  const logo = root.querySelector("sequence-logo");
  if (!(heat instanceof HeatMap) || !(track instanceof PositionTrack) || !(logo instanceof SequenceLogo)) return;
  void drawn(root, async () => {
    const summary = await fetched<Summary>(root.dataset.source ?? "");
    heat.heat = alignmentHeat(summary);
    track.track = alignmentTrack(summary);
    logo.logo = alignmentLogo(summary);
  });
  root.addEventListener("span-changed", (event) => {
    track.span = logo.span = (event as CustomEvent<Span>).detail;
  });
  root.addEventListener("cell-chosen", (event) => {
    const { column } = (event as CustomEvent<{ column: number }>).detail;
    for (const picture of [heat, track, logo]) picture.column = column;
  });
}

started("coverage", start);
