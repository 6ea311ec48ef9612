"""The journey "Looking back": a score set of MaveDB unedited, what models learn as it grows, a replayed round."""

from __future__ import annotations

import json
import random

import pytest

from jobs.learning.gains import LEAST_SHOWN
from jobs.models import Campaign, Measurement, Property, PropertyModel, Round
from tests.campaigns.steps import exported, imported, made, proposed, trained, upload
from tests.needed import trials
from tests.score_sets import HEAD, PARENT, score_set

pytestmark = pytest.mark.django_db

SET = score_set()
ROWS = SET.text.splitlines()[1:]
NAME = HEAD.split(",").index("hgvs_pro")
AS_SENT = json.dumps({"score": "score"})


def single_rows() -> list[str]:
    """Return the rows of single substitutions, shuffled: another one of the same variant is left out."""
    wanted = {name: row for row in ROWS if (name := row.split(",")[NAME]) in SET.written and name[-3:].isalpha()}
    rows = [row for name, row in wanted.items() if name.startswith("p.") and name[2] not in "[("]
    random.Random(0).shuffle(rows)
    return rows


def test_a_score_set_is_read_as_it_is_and_every_row_is_counted(api):
    url = made(api, parent=PARENT, numbering=None, exclude=[], cds=None)
    assert api.post(f"{url}properties/", {"name": "score", "higher_is_better": True}, format="json").status_code == 201
    answer = upload(api, url, SET.text, columns=AS_SENT)
    assert answer.status_code == 201, answer.content
    counts = answer.json()
    assert counts["read"] == SET.rows
    assert sum(counts[name] for name in ("matched", "failed", "censored", "unchanged", "unreadable")) == SET.rows
    stops = {one["record"] for one in counts["problems"] if one.get("record", "").endswith("Ter")}
    assert len(stops) >= len(PARENT)
    stored = set(Measurement.objects.filter(property__name="score").values_list("variant", flat=True))
    assert {code for code in stored if ":" not in code} - {""} == {
        f"{wild}{at}{mutant}"
        for at, wild in enumerate(PARENT, start=1)
        for mutant in "ACDEFGHIKLMNPQRSTVWY"
        if mutant != wild
    }
    wild = Measurement.objects.filter(property__name="score", role="wild_type")
    assert {"_wt", "p.="} <= {ROWS[round(1000 * one.value) - 1].split(",")[NAME] for one in wild}


@pytest.mark.slow
def test_models_as_the_data_grow_a_replayed_round_and_the_end(api, other_api):
    url = made(api, parent=PARENT, numbering=None, exclude=[], cds=None)
    # A model of 192 variants takes minutes on a busy machine.
    rows, sizes = single_rows(), (24, 48, 96, 192)[: len(trials(4, 3))]
    detectable = []
    for size in sizes:
        name = f"first {size}"
        told = {"name": name, "higher_is_better": True}
        assert api.post(f"{url}properties/", told, format="json").status_code == 201
        counts = upload(api, url, "\n".join([HEAD, *rows[:size]]) + "\n", columns=json.dumps({name: "score"})).json()
        assert (counts["matched"], counts["unreadable"]) == (size, 0)
        model = trained(api, url, name, seed=1)
        assert model["n_training"] == model["gain"]["n"] == size
        assert model["cross_validation"]["random"]["model"]["spearman"]["value"] is not None
        assert model["ranks_by"] == "prior" or (model["gain"]["low"] > 0 and size >= LEAST_SHOWN)
        detectable.append(model["gain"]["detectable"])
        steps = [one["n"] for one in model["learning_curve"]]
        assert steps[:-1] == [one for one in (12, 24, 48, 96) if one < steps[-1]]
        assert steps[-1] < size
    # Positions are drawn for the interval, so more variants of the same few positions need not see smaller gains.
    assert all(0 < one < 2 for one in detectable)

    left = rows[max(sizes) :]
    pool = [f"{PARENT[at - 1]}{at}{new}" for at, new in map(place, left)]
    body = proposed(api, url, {"n": 1}, count=24, plate=None, pool=pool, max_per_position=None)
    picked = {row["sequential"] for row in body["rows"]}
    assert len(picked) == 24
    assert picked <= set(pool)
    assert api.post(f"{url}rounds/1/ordered/").status_code == 201
    found = [row for row, code in zip(left, pool, strict=True) if code in picked]
    counts = upload(
        api, url, "\n".join([HEAD, *found]) + "\n", columns=json.dumps({"first 24": "score"}), round=1
    ).json()
    assert counts["matched"] == 24
    assert api.post(f"{url}rounds/1/measured/").json()["realised"]["measured"] == 24
    later = trained(api, url, "first 24", seed=1)
    assert later["n_training"] == 48
    assert "round" in later["cross_validation"]

    for path in ("", "models/1/", "rounds/1/", "export/"):
        assert other_api.get(f"{url}{path}").status_code == 404
    content = exported(api, url)
    assert api.delete(url).status_code == 204
    kinds = (Campaign, Property, Measurement, PropertyModel, Round)
    assert not any(one.objects.exists() for one in kinds)
    back = imported(other_api, content).json()["url"]
    assert exported(other_api, back) == content
    assert other_api.get(f"{back}models/{later['n']}/").json()["digest"] == later["digest"]


def place(row: str) -> tuple[int, str]:
    """Return position and new residue of a row such as `p.Lys2Arg`."""
    from jobs.parsing.three_letters import THREE_LETTERS

    name = row.split(",")[NAME]
    return int(name[5:-3]), THREE_LETTERS[name[-3:].upper()]
