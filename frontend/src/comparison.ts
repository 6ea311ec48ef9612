// The page that compares two runs: differences by position, and a point for each variant.
import { HeatMap } from "./pictures/heat-map";
import { type Compared, differenceHeat } from "./pictures/comparison-data";
import { ScatterPlot } from "./pictures/scatter-plot";
import { drawn, fetched, started } from "./pictures/source";

function start(root: HTMLElement): void {
  const heat = root.querySelector("heat-map");
  const plot = root.querySelector("scatter-plot");
  if (!(heat instanceof HeatMap) || !(plot instanceof ScatterPlot)) return;
  void drawn(root, async () => {
    const body = await fetched<Compared>(root.dataset.source ?? "");
    if (body.positions.length) heat.heat = differenceHeat(body);
    else heat.closest("section")?.remove();
    plot.points = {
      names: body.variants.map((one) => one.variant),
      x: body.variants.map((one) => one.first),
      y: body.variants.map((one) => one.second),
      xTitle: "score in the first run",
      yTitle: "score in the second run",
    };
  });
}

started("comparison", start);
