"""Campaigns: a parent, measurements of its variants, models that learn from them, and proposed rounds."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from e1client.downloads import OnBytes, complete_file, fetch, format_of
from e1client.errors import UsageError
from e1client.job import last_part
from e1client.reading import Body, JobReader, ignore
from e1client.uploads import Source, open_upload

CampaignLike = str | Mapping[str, object]
"""A campaign as the server shows it, its id, its URL, or its name."""
ROUND_FORMATS = ("csv", "xlsx")
COMPUTE_SECONDS = 600.0
"""Read limit of requests that the server computes or reads a file for before it answers."""
MODEL_PAUSE = 1.0
UNFINISHED_MODEL = ("queued", "running")
MEASUREMENTS_PAGE = 500


class CampaignClient(JobReader):
    """The part of `e1client.api.Client` for campaigns. Positions have the campaign's numbering.

    Every method returns JSON as the server shows it.
    """

    def campaigns(self, *, project: str = "", limit: int = 50) -> list[Body]:
        """Return your campaigns, newest first, at most `limit`; or those of a project, given by its id or URL."""
        query = {"project": last_part(project)} if project else {}
        return list(islice(self._transport.rows("/api/campaigns/", query), limit))

    def campaign(self, campaign: CampaignLike) -> Body:
        """Return a campaign: parent, model, alignment, numbering, coding sequence, excluded regions."""
        return self._transport.json("GET", self._campaign(campaign))

    def create_campaign(
        self,
        name: str,
        *,
        parent: str,
        model: str,
        context_set: str = "",
        alignment: str = "",
        numbering: object = None,
        cds: str = "",
        host: str = "",
        exclude: Sequence[str] = (),
        project: str = "",
    ) -> Body:
        """Begin a campaign on a parent, given by its residues.

        `numbering` is an offset, `{"start": 3, "skip": [239, 253]}`, or a label for each residue. `cds` is the coding
        sequence, `host` names its codon table, and `exclude` has ranges such as `1-25`. `project` is the id
        of one that you may edit.
        """
        given: Body = {
            "context_set": context_set,
            "alignment": last_part(alignment),
            "numbering": numbering,
            "cds": cds,
            "host": host,
            "exclude": list(exclude),
            "project": last_part(project),
        }
        body = {"name": name, "parent": parent, "model": model} | _given(given)
        return self._transport.json("POST", "/api/campaigns/", json=body, repeatable=False)

    def move_campaign(self, campaign: CampaignLike, project: str | None) -> Body:
        """Put a campaign into a project, given by its id or URL, or out of its project for None."""
        body = {"project": None if project is None else last_part(project)}
        return self._transport.json("PATCH", self._campaign(campaign), json=body)

    def delete_campaign(self, campaign: CampaignLike) -> None:
        """Delete a campaign with its properties, measurements, models and rounds. Jobs and alignment stay."""
        self._transport.request("DELETE", self._campaign(campaign), repeatable=False)

    def campaign_id(self, campaign: CampaignLike) -> str:
        """Return the id of a campaign. Raises UsageError if no campaign, or more than one, has this name."""
        if isinstance(campaign, Mapping):
            return str(campaign["id"])
        try:
            return str(uuid.UUID(last_part(campaign)))
        except ValueError:
            named = [one for one in self.campaigns(limit=10_000) if one["name"] == campaign]
        if len(named) != 1:
            found = "no campaign" if not named else f"{len(named)} campaigns"
            what = f"{found} of yours is called {campaign!r}; `e1 campaign list` shows names and ids"
            raise UsageError(what, code="unknown_campaign")
        return str(named[0]["id"])

    def campaign_properties(self, campaign: CampaignLike) -> list[Body]:
        """Return what is measured, oldest first."""
        return self._listed(campaign, "properties")

    def add_property(
        self,
        campaign: CampaignLike,
        name: str,
        *,
        higher_is_better: bool,
        unit: str = "",
        log: bool = False,
        limits: tuple[float | None, float | None] | None = None,
        threshold: float | None = None,
        normalisation: str = "none",
    ) -> Body:
        """Add a property: what is measured, and how.

        `limits` are the detection limits, in the unit of the files. `threshold` makes a hit, in the normalised unit.
        `normalisation` is `none`, `wild_type_ratio` or `wild_type_difference`. Raises Rejected `property_exists`.
        """
        given = {"unit": unit, "limits": None if limits is None else list(limits), "threshold": threshold}
        body = {"name": name, "higher_is_better": higher_is_better, "log": log, "normalisation": normalisation}
        path = f"{self._campaign(campaign)}properties/"
        return self._transport.json("POST", path, json=body | _given(given), repeatable=False)

    def campaign_measurements(self, campaign: CampaignLike, *, limit: int | None = None) -> Iterator[Body]:
        """Yield every stored measurement, oldest first, at most `limit`. Of the rows of a well, the last one counts."""
        path, query = f"{self._campaign(campaign)}measurements/", {"page_size": str(MEASUREMENTS_PAGE)}
        return islice(self._transport.rows(path, query), limit)

    def add_measurements(
        self,
        campaign: CampaignLike,
        file: Source,
        *,
        property: str = "",
        columns: Mapping[str, str] | None = None,
        round: int | None = None,
        sheet: str = "",
    ) -> Body:
        """Add the measurements of a table: CSV, TSV or XLSX, wide or long. The same file again adds nothing.

        `property` is the only one of the file; `columns` maps properties to columns. `round` is the measured round,
        whose plan says what is in each well. The answer counts cells, and lists `problems`.
        """
        told = {"property": property, "columns": json.dumps(dict(columns)) if columns else "", "sheet": sheet}
        form = {name: text for name, text in told.items() if text} | ({} if round is None else {"round": str(round)})
        path = f"{self._campaign(campaign)}measurements/"
        with open_upload(file) as opened:
            files = {"file": opened}
            return self._transport.json("POST", path, data=form, files=files, seconds=COMPUTE_SECONDS)

    def campaign_models(self, campaign: CampaignLike) -> list[Body]:
        """Return the models, newest first."""
        return self._listed(campaign, "models")

    def campaign_model(self, campaign: CampaignLike, number: int) -> Body:
        """Return a model: its state, and once it is ready its cross-validation, its gain, and what ranks."""
        return self._transport.json("GET", self._model(campaign, number))

    def train_model(
        self, campaign: CampaignLike, property: str, *, prior: str = "auto", features: str = "auto", seed: int = 0
    ) -> Body:
        """Ask for a model of the measurements of a property as they are now; `wait_model` waits until it is ready.

        `prior` is `auto`, `none`, `zero_shot`, `profile` or `blosum62`. `features` are `auto`, `site`, `profile`,
        `mean` or `one_hot`. A request that may have arrived is not repeated.
        """
        body = {"property": property, "prior": prior, "features": features, "seed": seed}
        return self._transport.json("POST", f"{self._campaign(campaign)}models/", json=body, repeatable=False)

    def wait_model(self, campaign: CampaignLike, number: int, *, on_update: Callable[[Body], None] = ignore) -> Body:
        """Wait until a model is `ready` or `failed`, and return it."""
        path = self._model(campaign, number)
        while True:
            now = self._transport.json("GET", path)
            on_update(now)
            if now["state"] not in UNFINISHED_MODEL:
                return now
            self._clock.sleep(MODEL_PAUSE)

    def propose_round(
        self,
        campaign: CampaignLike,
        objectives: int | Sequence[int | Mapping[str, Any]],
        *,
        count: int | None = None,
        strategy: str = "greedy",
        pool: object = None,
        plate: Mapping[str, Any] | None = None,
        max_per_position: int | None = None,
        mutations: tuple[int, int] | None = None,
        exclude: Sequence[str] = (),
        seed: int = 0,
    ) -> Body:
        """Propose a round, with wells if there is a `plate`; the answer has its number, as `round`.

        `objectives` are numbers of models, or `{"model": 1, "threshold": 1.5}`. `count` is needed without a plate.
        `strategy` is `greedy`, `ucb`, `thompson`, `diverse` or `random`. `pool` is `singles`, `doubles`, a list of
        variants, or `{"combinations": [...]}`. A request that may have arrived is not repeated.
        """
        several = [objectives] if isinstance(objectives, int) else objectives
        body: Body = {
            "objectives": [{"model": one} if isinstance(one, int) else dict(one) for one in several],
            "strategy": strategy,
            "seed": seed,
        }
        given = {
            "count": count,
            "pool": pool,
            "plate": None if plate is None else dict(plate),
            "max_per_position": max_per_position,
            "mutations": None if mutations is None else list(mutations),
            "exclude": list(exclude),
        }
        path = f"{self._campaign(campaign)}proposals/"
        return self._transport.json("POST", path, json=body | _given(given), repeatable=False, seconds=COMPUTE_SECONDS)

    def campaign_rounds(self, campaign: CampaignLike) -> list[Body]:
        """Return the rounds of a campaign without their rows, oldest first."""
        return self._listed(campaign, "rounds")

    def campaign_round(self, campaign: CampaignLike, number: int) -> Body:
        """Return a round: its state, what was asked for and expected, and `rows`, which never change."""
        return self._transport.json("GET", self._round(campaign, number))

    def download_round(
        self,
        campaign: CampaignLike,
        number: int,
        out: str | Path,
        *,
        format: str | None = None,
        on_bytes: OnBytes = ignore,
    ) -> Path:
        """Write the plate map and synthesis order of a round to `out`, and return it.

        The suffix of `out` names the format (csv, xlsx) unless `format` does. `out` appears only when complete.
        """
        return self._file(self._round(campaign, number), Path(out), format, ROUND_FORMATS, on_bytes)

    def order_round(self, campaign: CampaignLike, number: int) -> Body:
        """Note that a proposed round is ordered: its variants are not proposed again."""
        return self._transport.json("POST", f"{self._round(campaign, number)}ordered/")

    def close_round(self, campaign: CampaignLike, number: int) -> Body:
        """Note that an ordered round is measured. Raises Rejected `wrong_state` if it was not ordered."""
        return self._transport.json("POST", f"{self._round(campaign, number)}measured/")

    def design_library(
        self,
        campaign: CampaignLike,
        sites: Sequence[int | str],
        *,
        scheme: str | Mapping[str, str] = "NNK",
        wanted: str | Mapping[str, str] | None = None,
        best: int | None = None,
        budget: int | None = None,
        budget_of: str = "clones",
        host: str | None = None,
    ) -> Body:
        """Design a library with degenerate codons at some residues: members, clones, and the DNA to order.

        `scheme` is `NNK`, `NDT`, `22c` or `minimal`, which codes for the `wanted` residues only; both may be by site.
        `best` is for minimal sites without wanted residues: the parent's and so many best others by the prior.
        `budget` is the number of clones that can be screened, or of `members` if `budget_of` says so. Raises Rejected
        `budget_too_small` with the largest design that fits.
        """
        body = _library(sites, scheme=scheme, wanted=wanted, best=best, budget=budget, budget_of=budget_of, host=host)
        return self._transport.json("POST", f"{self._campaign(campaign)}libraries/", json=body)

    def download_library(
        self,
        campaign: CampaignLike,
        sites: Sequence[int | str],
        out: str | Path,
        *,
        scheme: str | Mapping[str, str] = "NNK",
        wanted: str | Mapping[str, str] | None = None,
        best: int | None = None,
        budget: int | None = None,
        budget_of: str = "clones",
        host: str | None = None,
        table: str = "order",
        format: str | None = None,
    ) -> Path:
        """Write a table of a library to `out`, and return it; see `design_library` and `download_round`.

        `table` is `order` (the synthesis order), `sites` or `members`, which is also written as `fasta`.
        """
        out = Path(out)
        formats = (*ROUND_FORMATS, "fasta") if table == "members" else ROUND_FORMATS
        params = {"format": format_of(out, format, formats), "table": table}
        body = _library(sites, scheme=scheme, wanted=wanted, best=best, budget=budget, budget_of=budget_of, host=host)
        answer = self._transport.request("POST", f"{self._campaign(campaign)}libraries/", params=params, json=body)
        with complete_file(out) as file:
            file.write(answer.content)
        return out

    def export_campaign(self, campaign: CampaignLike, out: str | Path, *, on_bytes: OnBytes = ignore) -> Path:
        """Write a whole campaign to `out`, a ZIP file that appears only when complete, and return it.

        It has measurements, the cards of models, rounds byte for byte, and `manifest.json` with the digest of each
        file. Models that are not computed yet are left out.
        """
        out = Path(out)
        path = f"{self._campaign(campaign)}export/"
        with complete_file(out) as file:
            fetch(self._transport, path, file, "zip", on_bytes=on_bytes)
        return out

    def import_campaign(self, file: Source) -> Body:
        """Make a campaign from the file of `export_campaign`: all of it, or nothing. Digests are those of the file.

        The answer is the campaign, with `imported` numbers and the `digest` of the file. A request that may have
        arrived is not repeated.
        """
        path = "/api/campaigns/import/"
        with open_upload(file) as opened:
            files = {"file": opened}
            return self._transport.json("POST", path, files=files, repeatable=False, seconds=COMPUTE_SECONDS)

    def _campaign(self, campaign: CampaignLike) -> str:
        return f"/api/campaigns/{self.campaign_id(campaign)}/"

    def _model(self, campaign: CampaignLike, number: int) -> str:
        return f"{self._campaign(campaign)}models/{int(number)}/"

    def _round(self, campaign: CampaignLike, number: int) -> str:
        return f"{self._campaign(campaign)}rounds/{int(number)}/"

    def _file(self, path: str, out: Path, format: str | None, formats: Sequence[str], on_bytes: OnBytes) -> Path:
        """Write a file of a campaign to `out`, which appears only when complete, and return it."""
        format = format_of(out, format, formats)
        with complete_file(out) as file:
            fetch(self._transport, path, file, format, on_bytes=on_bytes, params={"format": format})
        return out

    def _listed(self, campaign: CampaignLike, what: str) -> list[Body]:
        rows: list[Body] = self._transport.json("GET", f"{self._campaign(campaign)}{what}/").get("results") or []
        return rows


def _given(fields: Mapping[str, Any]) -> Body:
    """Return the fields that are given: neither None, nor empty."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [])}


def _library(sites: Sequence[int | str], *, budget_of: str, **given: Any) -> Body:
    """Return the body of a request for a library."""
    body = {name: dict(value) if isinstance(value, Mapping) else value for name, value in given.items()}
    unit = {"budget_of": budget_of} if given["budget"] is not None else {}
    return {"sites": list(sites)} | _given(body) | unit
