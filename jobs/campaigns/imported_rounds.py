"""Rounds of an imported file: their bytes are those that were frozen, and each row can be shown and ordered."""

from __future__ import annotations

import hashlib
import re

from jobs.campaigns.archive import Fields, broken, json_value
from jobs.campaigns.imported import LONGEST_CODE, Codes
from jobs.campaigns.proposing import MOST_OBJECTIVES
from jobs.campaigns.selectors import WT
from jobs.learning.dna import translated
from jobs.learning.normalising import BLANK, DEAD, VARIANT, WILD_TYPE
from jobs.models import Campaign, Round
from jobs.models.campaigns import ROUND_STATES
from jobs.science.variants.codes import read_variant

_TEXTS = ("plate", "well", "variant", "reason", "model_digest")
_NUMBERS = ("mean", "low", "high", "prior", "acquisition")
_ROW = {"role", "pick", "sequential", "codons", *_TEXTS, *_NUMBERS}
_PICKS = ("chosen", "random", "retest", "bridging", "control")
_EXPECTED = ("hits", "chance_of_one", "maximum")
_CODON = re.compile(r"([1-9][0-9]{0,4}):[ACGT]{3}>([ACGT]{3})")


def read_round(where: str, raw: object, frozen: bytes, campaign: Campaign, codes: Codes) -> Round:
    """Return a round that is not stored yet, with the bytes that were frozen."""
    told = Fields("rounds.json", raw)
    digest = told.hexadecimal("digest")
    if hashlib.sha256(frozen).hexdigest() != digest:
        raise broken(where, "its digest is not that of its bytes")
    body = Fields(where, json_value(where, frozen))
    body.mapping("asked")
    _check_expected(where, body)
    objectives = body.entries("objectives")
    if not 1 <= len(objectives) <= MOST_OBJECTIVES:
        raise broken(where, f"it has {len(objectives):,} objectives")
    for one in objectives:
        goal = Fields(f"{where}, objectives", one)
        goal.whole("model", 1, 2**31 - 1)
        goal.text("property", 100)
        goal.hexadecimal("digest")
        goal.choice("ranks_by", ("model", "prior"))
        goal.number("threshold")
    for row in body.entries("rows"):
        _check_row(where, row, campaign, codes)
    return Round(
        campaign=campaign,
        number=told.whole("n", 1, 2**31 - 1),
        state=told.choice("state", ROUND_STATES),
        frozen=frozen.decode(),
        digest=digest,
        created_at=told.moment("created_at"),
        ordered_at=told.moment_or_none("ordered_at"),
        measured_at=told.moment_or_none("measured_at"),
    )


def _check_expected(where: str, body: Fields) -> None:
    if body.values.get("expected") is None:
        return
    told = Fields(f"{where}, expected", body.mapping("expected"))
    if {name for name in _EXPECTED[:2] if told.number(name) is None} not in (set(), set(_EXPECTED[:2])):
        raise broken(told.where, "it has hits without their chance, or the other way round")
    told.number("maximum")


def _check_row(where: str, raw: object, campaign: Campaign, codes: Codes) -> None:
    row = Fields(where, raw)
    if set(row.values) - {"objectives"} != _ROW:
        raise broken(where, "a row has unknown fields, or lacks some")
    role = row.choice("role", (VARIANT, WILD_TYPE, DEAD, BLANK))
    row.choice("pick", _PICKS)
    code = row.values["sequential"]
    if role == VARIANT or code is not None:
        codes.check(where, code)
    for name in _TEXTS:
        if row.values[name] is not None:
            row.text(name, LONGEST_CODE)
    for name in _NUMBERS:
        row.number(name)
    if row.values.get("objectives") is not None:
        _check_objectives(where, row)
    if row.values["codons"] is not None:
        _check_codons(where, row, campaign)


def _check_objectives(where: str, row: Fields) -> None:
    for one in row.entries("objectives"):
        told = Fields(f"{where}, objectives of a row", one)
        told.whole("model", 1, 2**31 - 1)
        for name in ("mean", "low", "high"):
            told.number(name)


def _check_codons(where: str, row: Fields, campaign: Campaign) -> None:
    """Check that the changed codons make the row's variant, and that there is a coding sequence to change."""
    found: dict[int, str] = {}
    for one in row.entries("codons"):
        match = _CODON.fullmatch(one) if isinstance(one, str) else None
        if match is None:
            raise broken(where, f"{str(one)[:60]!r} is not a changed codon")
        found[int(match[1])] = translated(match[2])
    code = row.values["sequential"]
    wanted = () if code in (None, WT) else read_variant(code, campaign.parent).mutations
    if found != {one.position: one.mutant for one in wanted} or not (campaign.cds or campaign.host):
        raise broken(where, f"the codons of {str(code)[:60]!r} do not make it")
