"""Models of an imported file, checked as if they were strangers': what is stored, the service can use."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from jobs.campaigns.archive import Fields, broken
from jobs.campaigns.asked import MAX_SEED
from jobs.campaigns.imported_cards import card_of
from jobs.campaigns.priors import AUTO, PRIORS, Prior
from jobs.campaigns.selectors import LARGEST, WT
from jobs.campaigns.training import HELD_OUT, MOST_TRAINING, model_digest
from jobs.errors import InvalidInput
from jobs.learning.embeddings import COMPONENTS
from jobs.learning.folds import KINDS
from jobs.learning.gaussian import MOST_EXACT, Settings
from jobs.learning.linear import LinearFit
from jobs.learning.priors import FEATURES, MEAN, PROFILE, Tables
from jobs.models import Campaign, Property, PropertyModel
from jobs.models.states import WorkState
from jobs.science.variants.codes import Mutation, read_variant

MOST_FOLDS = 50
LONGEST_CODE = 20_000


class Codes:
    """Codes by position of variants of one parent, each read once."""

    def __init__(self, parent: str) -> None:
        self.parent = parent
        self._known = {WT}

    def check(self, where: str, code: object) -> str:
        """Return a code. Raises InvalidInput `bad_campaign_file` unless it is one, as the service writes it."""
        if not isinstance(code, str) or len(code) > LONGEST_CODE:
            raise broken(where, f"{str(code)[:60]!r} is not a variant")
        if code not in self._known:
            try:
                good = read_variant(code, self.parent).code() == code
            except InvalidInput:
                good = False
            if not good:
                raise broken(where, f"{code[:60]!r} is not a variant of the parent")
            self._known.add(code)
        return code


def read_model(
    where: str, raw: object, tables: bytes, *, campaign: Campaign, properties: Mapping[str, Property], codes: Codes
) -> PropertyModel:
    """Return a finished model that is not stored yet. Its digest is computed again, and must agree."""
    told = Fields(where, raw)
    name = told.text("property", 100)
    if name not in properties:
        raise broken(where, f"there is no property {name!r}")
    model = PropertyModel(
        campaign=campaign,
        property=properties[name],
        number=told.whole("n", 1, 2**31 - 1),
        prior=told.choice("prior", PRIORS),
        features=told.choice("features", (AUTO, *FEATURES)),
        seed=told.whole("seed", 0, MAX_SEED),
        state=told.choice("state", [WorkState.DONE, WorkState.FAILED, WorkState.CANCELLED]),
        reason=told.text("reason", 500),
        training=_training(where, told.entries("training"), codes),
        counts=_counts(told),
        digest=told.hexadecimal("digest", empty=True),
        created_at=told.moment("created_at"),
        finished_at=told.moment_or_none("finished_at"),
    )
    if model.state != WorkState.DONE:
        if told.mapping("card") or told.mapping("fits") or tables or model.digest:
            raise broken(where, "a model that failed has results")
        return model
    model.progress = 1.0
    model.card = card_of(told)
    model.tables = tables
    unpacked = _tables(where, tables, campaign.parent)
    used = model.card["features"]["used"]
    if used == PROFILE and unpacked.profile is None:
        raise broken(where, "its features are the profile, and it has none")
    if (used == MEAN) != (unpacked.embedded is not None):
        raise broken(where, "its features are embeddings and its tables have none, or the other way round")
    raw_fits = told.mapping("fits")
    fits = _fits(where, raw_fits, len(model.training), codes.parent) if raw_fits else {}
    held_out = _held_out(where, raw_fits, len(model.training))
    model.fits = fits | {HELD_OUT: held_out} if held_out else fits
    prior = Prior(model.card["prior"]["used"], str(model.card["prior"].get("source")), unpacked)
    try:
        digest = model_digest(model, prior, used, model.card, fits)
    except TypeError as error:
        raise broken(where, "its numbers cannot be written") from error
    if digest != model.digest:
        raise broken(where, "its digest is not that of its contents")
    return model


def _training(where: str, rows: Sequence[Any], codes: Codes) -> list[list[Any]]:
    if len(rows) > MOST_TRAINING:
        raise broken(where, f"it has more than {MOST_TRAINING:,} variants")
    for row in rows:
        good = isinstance(row, list) and len(row) == 5 and all(type(one) is int and one >= 0 for one in row[2:])
        if not good or type(row[1]) not in (int, float) or not abs(row[1]) < LARGEST or max(row[2:]) >= 2**31:
            raise broken(where, f"{str(row)[:60]} is not a row of a training set")
        codes.check(where, row[0])
    if len({row[0] for row in rows}) != len(rows):
        raise broken(where, "a variant is twice in its training set")
    return [list(row) for row in rows]


def _counts(told: Fields) -> dict[str, int]:
    found = told.mapping("counts")
    if len(found) > 50 or not all(type(one) is int and abs(one) < 2**53 for one in found.values()):
        raise broken(told.where, "its counts are not numbers")
    return found


def _tables(where: str, data: bytes, parent: str) -> Tables:
    """Return the tables of a model: those of prior, profile and embeddings, and no byte more."""
    one = len(parent) * 20 * 8
    try:
        unpacker = zlib.decompressobj()
        found = unpacker.decompress(data, (2 + COMPONENTS) * one + 1)
    except zlib.error as error:
        raise broken(where, "its tables cannot be unpacked") from error
    if len(found) not in range(one, (2 + COMPONENTS) * one + 1, one) or not unpacker.eof or unpacker.unused_data:
        raise broken(where, "its tables have another size than the parent")
    return Tables.unpacked(data, parent)


def _fits(where: str, raw: Mapping[str, Any], count: int, parent: str) -> dict[str, Any]:
    """Return the settings of the fits, numbers as numbers: those that `jobs.learning.fitted` can restore."""
    told = Fields(f"{where}, fits", raw)
    method = told.choice("method", ("gaussian_process", "ridge"))
    if method == "gaussian_process" and count > MOST_EXACT:
        raise broken(told.where, f"an exact fit takes at most {MOST_EXACT:,} variants")
    folds = told.entries("folds")
    if len(folds) > MOST_FOLDS:
        raise broken(told.where, f"it has more than {MOST_FOLDS} folds")
    return {
        "method": method,
        "use_prior": told.flag("use_prior"),
        "whole": _settings(told.where, told.mapping("whole"), method, parent),
        "folds": [_fold(told.where, one, method, count, parent) for one in folds],
    }


def _held_out(where: str, raw: Mapping[str, Any], count: int) -> dict[str, list[float | None]]:
    """Return the held-out predictions by kind of folds: a number or null for each variant of the training set."""
    found = {}
    told = Fields(f"{where}, {HELD_OUT}", raw.get(HELD_OUT) or {})
    for kind in told.values:
        values = told.entries(kind)
        if kind not in KINDS or len(values) != count:
            raise broken(told.where, f"{kind[:60]!r} has no prediction for each variant")
        known = iter(_numbers(told.where, [one for one in values if one is not None]))
        found[kind] = [None if one is None else next(known) for one in values]
    return found


def _fold(where: str, raw: object, method: str, count: int, parent: str) -> dict[str, Any]:
    told = Fields(where, raw)
    test = list(told.entries("test"))
    if not test or not all(type(one) is int and 0 <= one < count for one in test) or len(set(test)) >= count:
        raise broken(where, "a fold tests other variants than there are")
    errors = _numbers(where, told.entries("errors"))
    if len(errors) != len(test):
        raise broken(where, "a fold has more errors than variants, or fewer")
    return {"test": test, "settings": _settings(where, told.mapping("settings"), method, parent), "errors": errors}


def _settings(where: str, raw: Mapping[str, Any], method: str, parent: str) -> dict[str, Any]:
    kind: type[Settings] | type[LinearFit] = Settings if method == "gaussian_process" else LinearFit
    # Models of an older service know no effects of positions.
    names = {one.name for one in fields(kind)} - ({"place"} - set(raw))
    if set(raw) != names:
        raise broken(where, "the settings of a fit have other fields")
    lists = {"mutations", "effects"} & names
    plain = sorted(names - lists)
    found: dict[str, Any] = dict(zip(plain, _numbers(where, [raw[name] for name in plain]), strict=True))
    if method == "gaussian_process":
        positive = found["length"] > 0 and found["noise"] > 0
        if not positive or min(found["signal"], found["pairs"], found.get("place", 0)) < 0:
            raise broken(where, "the settings of a fit are out of range")
        return found
    if not found["spread"]:
        raise broken(where, "the settings of a fit are out of range")
    told = Fields(where, raw)
    mutations = [_mutation(where, one, parent) for one in told.entries("mutations")]
    effects = _numbers(where, told.entries("effects"))
    if len(effects) != len(mutations):
        raise broken(where, "a fit has more effects than mutations, or fewer")
    return found | {"mutations": mutations, "effects": effects}


def _mutation(where: str, raw: object, parent: str) -> list[Any]:
    if isinstance(raw, list) and len(raw) == 3:
        position, wild, mutant = raw
        placed = type(position) is int and 1 <= position <= len(parent) and parent[position - 1] == wild
        if placed and isinstance(mutant, str) and len(mutant) == 1:
            one = Mutation(position, wild, mutant)
            return [one.position, one.wild, one.mutant]
    raise broken(where, f"{str(raw)[:60]} is not a mutation of the parent")


def _numbers(where: str, raw: Sequence[Any]) -> list[float]:
    if not all(type(one) in (int, float) and math.isfinite(one) for one in raw):
        raise broken(where, "a number is missing")
    return [float(one) for one in raw]
