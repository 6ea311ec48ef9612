"""What was proposed stays: neither data nor models that come later change a byte. Equal digests mean equal bytes."""

from __future__ import annotations

import pytest

from jobs.models import Round
from tests.campaigns.steps import PLATE, made, proposed, some_singles, text_of, trained, upload

pytestmark = pytest.mark.django_db


def every_form(api, url: str) -> list[bytes]:
    """Return what a round answers in each format."""
    return [api.get(f"{url}rounds/1/?format={one}").content for one in ("json", "csv", "xlsx")]


@pytest.mark.slow
def test_later_data_and_models_change_no_round(api):
    url = made(api)
    rows = some_singles(30)
    upload(api, url, text_of(rows[:27]))
    first = trained(api, url, seed=1)
    proposed(api, url, first, count=12, plate=PLATE | {"replicates": 1, "retests": 2, "bridging": 2})
    before, stored = every_form(api, url), Round.objects.get().frozen
    upload(api, url, text_of(rows[27:]))
    second = trained(api, url, seed=1)
    assert second["digest"] != first["digest"]
    later = proposed(api, url, second, count=12, plate=None)
    assert later["digest"] != Round.objects.get(number=1).digest
    assert every_form(api, url) == before
    assert Round.objects.get(number=1).frozen == stored
    assert {row["model_digest"] for row in api.get(f"{url}rounds/1/").json()["rows"]} == {first["digest"]}


@pytest.mark.slow
def test_equal_digests_mean_equal_bytes(api):
    answers, rounds = [], []
    for _ in range(2):
        url = made(api)
        upload(api, url, text_of(some_singles(25)))
        model = trained(api, url, seed=3)
        path = f"{url}models/{model['n']}/predictions/"
        answers.append((model["digest"], api.post(path, {"all_singles": True}, format="json").content))
        proposed(api, url, model, strategy="thompson", count=10, plate=None)
        rounds.append(every_form(api, url)[1:])
    assert answers[0] == answers[1]
    assert rounds[0][0] == rounds[1][0]
