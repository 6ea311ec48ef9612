"""Predictions of a campaign's models: within an answer, or as files that the service computes in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from e1client.campaigns import COMPUTE_SECONDS, MODEL_PAUSE, UNFINISHED_MODEL, CampaignClient, CampaignLike
from e1client.downloads import OnBytes
from e1client.errors import UsageError
from e1client.reading import Body, ignore

PREDICTION_FORMATS = ("csv", "parquet")


class PredictionClient(CampaignClient):
    """The part of `e1client.api.Client` for predictions. Variants have the campaign's numbering."""

    def predict_variants(
        self,
        campaign: CampaignLike,
        number: int,
        variants: Sequence[str] | None = None,
        *,
        all_singles: bool = False,
        combinations: Sequence[str] | None = None,
    ) -> Body:
        """Predict variants, all single ones, or all combinations of mutations, with a ready model.

        The answer has `rows` with `variant`, `mean`, `low`, `high`, `prior` and `rank`, in the normalised unit, and
        `ranks_by`. Of more than 20,000 variants the server makes a file: then the answer has no `rows`, and is the one
        of `predict_file`. Raises Rejected `model_not_ready`.
        """
        asked = _asked(variants, all_singles=all_singles, combinations=combinations)
        return self._transport.json("POST", self._predictions(campaign, number), json=asked, seconds=COMPUTE_SECONDS)

    def predict_file(
        self,
        campaign: CampaignLike,
        number: int,
        variants: Sequence[str] | None = None,
        *,
        all_singles: bool = False,
        combinations: Sequence[str] | None = None,
        wait: bool = True,
        on_update: Callable[[Body], None] = ignore,
    ) -> Body:
        """Predict up to a million variants as a file, and wait for it unless `wait` is false.

        The answer has `id`, `state`, `progress` and, once it is `ready`, `files`; `download_predictions` writes one.
        The same request to the same model returns the same file. Raises Rejected `model_not_ready`.
        """
        asked = _asked(variants, all_singles=all_singles, combinations=combinations) | {"file": True}
        path = self._predictions(campaign, number)
        now = self._transport.json("POST", path, json=asked, seconds=COMPUTE_SECONDS)
        return self.wait_predictions(campaign, number, now["id"], on_update=on_update) if wait else now

    def wait_predictions(
        self, campaign: CampaignLike, number: int, file: int, *, on_update: Callable[[Body], None] = ignore
    ) -> Body:
        """Wait until a file of predictions is `ready` or `failed`, and return it."""
        path = f"{self._predictions(campaign, number)}{int(file)}/"
        while True:
            now = self._transport.json("GET", path)
            on_update(now)
            if now["state"] not in UNFINISHED_MODEL:
                return now
            self._clock.sleep(MODEL_PAUSE)

    def campaign_predictions(self, campaign: CampaignLike, number: int) -> list[Body]:
        """Return the files of predictions of a model, newest first."""
        rows: list[Body] = self._transport.json("GET", self._predictions(campaign, number)).get("results") or []
        return rows

    def download_predictions(
        self,
        campaign: CampaignLike,
        number: int,
        file: int,
        out: str | Path,
        *,
        format: str | None = None,
        on_bytes: OnBytes = ignore,
    ) -> Path:
        """Write a ready file of predictions to `out`, best first, and return it.

        The suffix of `out` names the format (csv, parquet) unless `format` does. `out` appears only when complete.
        Raises Rejected `predictions_not_ready`.
        """
        path = f"{self._predictions(campaign, number)}{int(file)}/file/"
        return self._file(path, Path(out), format, PREDICTION_FORMATS, on_bytes)

    def stop_predictions(self, campaign: CampaignLike, number: int, file: int) -> Body:
        """Stop a file of predictions that is queued or computed, and return it: it is then `failed`.

        The same request computes it again. Raises Rejected `not_building` if it has ended.
        """
        return self._transport.json("POST", f"{self._predictions(campaign, number)}{int(file)}/cancel/")

    def delete_predictions(self, campaign: CampaignLike, number: int, file: int) -> None:
        """Delete a file of predictions. If it is being computed, that stops."""
        path = f"{self._predictions(campaign, number)}{int(file)}/"
        self._transport.request("DELETE", path, repeatable=False)

    def _predictions(self, campaign: CampaignLike, number: int) -> str:
        return f"{self._model(campaign, number)}predictions/"


def _asked(variants: Sequence[str] | None, *, all_singles: bool, combinations: Sequence[str] | None) -> Body:
    asked: list[Body] = [
        {name: list(codes)}
        for name, codes in (("variants", variants), ("combinations", combinations))
        if codes is not None
    ]
    if all_singles:
        asked.append({"all_singles": True})
    if len(asked) != 1:
        raise UsageError("ask for variants, for all_singles, or for combinations: exactly one of them")
    return asked[0]
