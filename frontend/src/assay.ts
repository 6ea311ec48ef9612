// The page of measurements over scores.
import { ScatterPlot } from "./pictures/scatter-plot";
import { drawn, fetched } from "./pictures/source";

interface Assay {
  points: { variant: string; score: number; measured: number }[];
}

const plot = document.getElementById("scatter");
if (plot instanceof ScatterPlot) {
  void drawn(plot.parentElement ?? document, async () => {
    const { points } = await fetched<Assay>(plot.dataset.source ?? "");
    plot.points = {
      names: points.map((point) => point.variant),
      x: points.map((point) => point.score),
      y: points.map((point) => point.measured),
      xTitle: "score",
      yTitle: plot.dataset.title ?? "measured",
    };
  });
}
