"""Rounds: their states, their rows as CSV and XLSX, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from django.db.models.functions import Now

from jobs.campaigns.selectors import Scale, Trainable, training_of
from jobs.errors import Conflict
from jobs.files.lines import csv_head
from jobs.files.pieces import text_cell
from jobs.files.tables import ItemRows
from jobs.files.xlsx import Sheet, facts_sheet, workbook_blocks
from jobs.learning.dna import DEFAULT_HOST, coding_sequence
from jobs.models import Campaign, Property, Round

TEXTS = ("plate", "well", "role", "pick", "variant", "sequential")
NUMBERS = ("mean", "low", "high", "prior", "acquisition")
LAST = ("reason", "model_digest", "codons", "dna")
HEADS = (*TEXTS, *NUMBERS, *LAST)


def round_step(*, found: Round, state: str) -> Round:
    """Move `proposed -> ordered -> measured`. The same step again changes nothing. Raises Conflict `wrong_state`."""
    if found.state == state:
        return found
    before = {"ordered": "proposed", "measured": "ordered"}[state]
    moved = Round.objects.filter(pk=found.pk, state=before).update(**{"state": state, f"{state}_at": Now()})
    found.refresh_from_db()
    if not moved:
        raise Conflict(
            f"the round is {found.state}, and only a round that is {before} can be {state}", code="wrong_state"
        )
    return found


def round_body(found: Round) -> dict[str, Any]:
    """Return the body of a round: what was frozen, its state, and for a measured one what it brought."""
    frozen = orjson.loads(found.frozen)
    body = {
        "n": found.number,
        "state": found.state,
        "digest": found.digest,
        "created_at": found.created_at,
        "ordered_at": found.ordered_at,
        "measured_at": found.measured_at,
        "realised": realised(found, frozen) if found.state == "measured" else None,
    }
    return body | {name: frozen[name] for name in ("asked", "objectives", "expected", "rows")}


def realised(
    found: Round, frozen: Mapping[str, Any], training: Callable[[Property], Trainable] = training_of
) -> dict[str, int | None]:
    """Return how many of the chosen variants were measured, and how many of them are hits of every threshold.

    A caller that asks about several rounds gives a `training` that remembers its answers.
    """
    codes = {row["sequential"] for row in frozen["rows"] if row["pick"] in ("chosen", "random")}
    goals = [one for one in frozen["objectives"] if one["threshold"] is not None]
    values: list[dict[str, bool]] = []
    for goal in goals or frozen["objectives"][:1]:
        own = Property.objects.filter(campaign=found.campaign, name=goal["property"]).first()
        if own is None:
            return {"measured": 0, "hits": None}
        scale = Scale.of(own)
        bar = -float("inf") if goal["threshold"] is None else scale.forward(goal["threshold"])
        values.append({row[0]: scale.forward(row[1]) >= bar for row in training(own).rows if row[0] in codes})
    measured = set.intersection(*(set(one) for one in values))
    hits = sum(all(one[code] for one in values) for code in measured)
    return {"measured": len(measured), "hits": hits if goals else None}


def round_csv(campaign: Campaign, found: Round) -> Iterator[bytes]:
    """Yield the plate map and synthesis order as CSV."""
    yield csv_head(HEADS)
    for row in _rows(campaign, found):
        texts = [text_cell(row[name]) for name in TEXTS]
        numbers = [row[name] for name in NUMBERS]
        last = [text_cell(row[name]) for name in LAST]
        yield ",".join([*texts, *numbers, *last]).encode() + b"\n"


def round_workbook(campaign: Campaign, found: Round) -> Iterator[bytes]:
    """Yield the same table as XLSX, with a sheet about the round."""
    items = (
        ItemRows(
            tuple(row[name] for name in TEXTS),
            [((), ",".join(row[name] for name in NUMBERS).encode())],
            tuple(row[name] for name in LAST),
        )
        for row in _rows(campaign, found)
    )
    frozen = orjson.loads(found.frozen)
    facts = {
        "campaign": campaign.name,
        "round": str(found.number),
        "digest": found.digest,
        "expected": frozen["expected"],
        "objectives": frozen["objectives"],
    }
    return workbook_blocks([("plates", Sheet(HEADS).all(items)), ("about", facts_sheet(facts))])


def _rows(campaign: Campaign, found: Round) -> Iterator[dict[str, str]]:
    """Yield the rows of a round as text. DNA is the coding sequence with the codons that were frozen."""
    cds = campaign.cds
    if not cds and campaign.host:
        cds = coding_sequence(campaign.parent, campaign.host or DEFAULT_HOST)
    for row in orjson.loads(found.frozen)["rows"]:
        codons = row.get("codons")
        texts = {name: "" if row.get(name) is None else str(row[name]) for name in HEADS if name != "dna"}
        dna = "" if codons is None else _dna(cds, codons)
        if row["role"] == "wild_type":
            dna = cds
        yield {**texts, "codons": " ".join(codons or ()), "dna": dna}


def _dna(cds: str, codons: list[str]) -> str:
    found = [cds[at : at + 3] for at in range(0, len(cds), 3)]
    for one in codons:
        position, change = one.split(":")
        found[int(position) - 1] = change.partition(">")[2]
    return "".join(found)
