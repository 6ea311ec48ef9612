"""A variant is one row of a training set, however it is written and however often it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from jobs.learning import training
from jobs.learning.linear import AugmentedRidge, Ridge
from jobs.models import PropertyModel
from jobs.parsing.three_letters import THREE_LETTERS
from tests.campaigns.steps import PARENT, made, trained, truth, upload

pytestmark = pytest.mark.django_db

LONG = {one: three.capitalize() for three, one in THREE_LETTERS.items()}
CODES = [f"{PARENT[at - 1]}{at}{'A' if PARENT[at - 1] != 'A' else 'G'}" for at in range(8, 48)]


class Leaked(Exception):
    """A model predicts a variant that it was fitted to."""


@dataclass
class SpyFit:
    inner: Any
    seen: frozenset[str]

    def predict(self, rows):
        if self.seen & {one.sequence(PARENT) for one in rows.variants}:
            raise Leaked
        return self.inner.predict(rows)


@dataclass
class Spy:
    """A learner that refuses to predict any sequence that it was fitted to."""

    inner: Any

    def fit(self, rows, measured):
        sequences = [one.sequence(PARENT) for one in rows.variants]
        assert len(set(sequences)) == len(sequences)
        return SpyFit(self.inner.fit(rows, measured), frozenset(sequences))


def long(code: str) -> str:
    return f"p.{LONG[code[0]]}{code[1:-1]}{LONG[code[-1]]}"


def with_synonym(code: str) -> str:
    """Return the variant beside a residue that stays."""
    return f"p.[{LONG[PARENT[1]]}2=;{long(code)[2:]}]"


FORMS = (str, long, with_synonym, lambda code: f"{PARENT[1]}2{PARENT[1]}:{code}")


def test_replicates_duplicates_and_synonyms_of_a_variant_are_one(api, monkeypatch):
    monkeypatch.setattr(training, "learner_for", lambda count, *, use_prior: Spy(Ridge(use_prior)))
    monkeypatch.setattr(training, "AugmentedRidge", lambda: Spy(AugmentedRidge()))
    url = made(api, numbering=None, exclude=[])
    lines = ["variant,plate,well,activity"]
    for plate, form in enumerate(FORMS, start=1):
        named = ["WT", *map(form, CODES)]
        wells = [f"{'ABCDEFGH'[n // 12]}{n % 12 + 1}" for n in range(len(named))]
        lines += [f"{name},{plate},{well},{2 * truth(name)}" for name, well in zip(named, wells, strict=True)]
    # The same variants twice on one plate, in other wells.
    lines += [f"{code},1,{'EFGH'[n // 12]}{n % 12 + 1},1.5" for n, code in enumerate(CODES)]
    body = upload(api, url, "\n".join(lines) + "\n").json()
    assert body["unreadable"] == 0, body["problems"]
    assert body["matched"] == 4 * 41 + 40
    model = trained(api, url)
    rows = PropertyModel.objects.get().training
    assert model["n_training"] == 41
    assert {row[0]: row[2] for row in rows} == {"WT": 4, **dict.fromkeys(CODES, 5)}
