"""The comparison of a campaign's models: figures of each, and paired differences on the same variants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from e1client.campaign_predictions import PredictionClient
from e1client.campaigns import COMPUTE_SECONDS, CampaignLike
from e1client.downloads import OnBytes, complete_file, fetch
from e1client.reading import Body, ignore


class ModelComparisonClient(PredictionClient):
    """The part of `e1client.api.Client` for comparisons of models."""

    def compare_models(
        self, campaign: CampaignLike, models: Sequence[int] = (), *, main: int | None = None, folds: str = ""
    ) -> Body:
        """Compare ready models of one property: figures of each, paired differences, and what should rank next.

        Without `models` the newest of each kind are compared. `main` is set against the others, else the newest.
        `folds` are `position` (the default, if the models have them), `random`, `modulo`, `contiguous`, `depth` or
        `round`. Raises Rejected `bad_models` for models of several properties, and `too_few_models`.
        """
        path = f"{self._campaign(campaign)}models/comparison/"
        return self._transport.json("GET", path, params=_compared(models, main, folds), seconds=COMPUTE_SECONDS)

    def download_comparison(
        self,
        campaign: CampaignLike,
        out: str | Path,
        models: Sequence[int] = (),
        *,
        main: int | None = None,
        folds: str = "",
        table: str = "figures",
        on_bytes: OnBytes = ignore,
    ) -> Path:
        """Write a comparison of models to `out` as CSV, and return it.

        `table` is `figures`, or `variants`: measured values and out-of-fold predictions. See `compare_models`.
        """
        out = Path(out)
        path = f"{self._campaign(campaign)}models/comparison/"
        params = _compared(models, main, folds) | {"format": "csv", "table": table}
        with complete_file(out) as file:
            fetch(self._transport, path, file, "csv", on_bytes=on_bytes, params=params)
        return out


def _compared(models: Sequence[int], main: int | None, folds: str) -> dict[str, str]:
    """Return the query of a comparison of models."""
    query = {"models": ",".join(str(int(one)) for one in models), "folds": folds}
    query["main"] = "" if main is None else str(int(main))
    return {name: text for name, text in query.items() if text}
