"""Mean embeddings as features: an ordinary job computes them once, and models wait for it."""

from __future__ import annotations

import pytest

from jobs.models import Campaign, Item, Job, PropertyModel, Quota
from jobs.tasks.turns import turn_take
from tests.campaigns.steps import exported, imported, made, truth, upload
from tests.factories import SHORT

pytestmark = pytest.mark.django_db

MEASURED = [f"{SHORT[at - 1]}{at}{new}" for at in range(1, 11) for new in "AGW" if SHORT[at - 1] != new]


def measured(api) -> str:
    """Return the address of a campaign with some thirty measured variants of a short parent."""
    url = made(api, parent=SHORT, numbering=None, exclude=[], cds=None)
    rows = ["variant,plate,well,activity", "WT,1,A1,2", "WT,1,A2,2"]
    rows += [f"{code},1,{'BCDE'[n // 12]}{n % 12 + 1},{2 * truth(code)}" for n, code in enumerate(MEASURED)]
    answer = upload(api, url, "\n".join(rows) + "\n")
    assert answer.json()["unreadable"] == 0, answer.json()
    return url


def asked(api, url: str, **more) -> dict:
    answer = api.post(f"{url}models/", {"property": "activity", "features": "mean", "seed": 1, **more}, format="json")
    assert answer.status_code == 202, answer.content
    return answer.json()


def shown(api, model: dict) -> dict:
    return api.get(model["url"]).json()


@pytest.mark.slow
def test_an_ordinary_job_computes_them_once(api, other_api, inline_worker):
    url = measured(api)
    model = asked(api, url)
    job = api.get(f"/api/jobs/{model['features_job']}/").json()
    assert (job["action"], job["model"], job["counts"]["total"]) == ("encode", "e1-demo", 19 * len(SHORT) + 1)
    assert other_api.get(f"/api/jobs/{model['features_job']}/").status_code == 404
    # Nothing is learnt before the job has ended.
    assert not turn_take()
    assert shown(api, model)["state"] == "queued"
    assert inline_worker() > 0
    assert turn_take()
    ready = shown(api, model)
    assert (ready["state"], ready["features"]) == ("ready", {"asked": "mean", "used": "mean"}), ready
    assert ready["n_training"] == len(MEASURED) + 1
    body = api.post(f"{url}models/{model['n']}/predictions/", {"all_singles": True}, format="json").json()
    assert len({row["mean"] for row in body["rows"]}) > 19
    double = {"variants": [f"{MEASURED[0]}:{MEASURED[-1]}"]}
    assert (
        api.post(f"{url}models/{model['n']}/predictions/", double, format="json").json()["rows"][0]["low"] is not None
    )

    # The next models of this parent take the same numbers, also in another campaign.
    for address in (url, measured(api)):
        again = asked(api, address)
        assert again["features_job"] == model["features_job"]
        assert turn_take()
        assert shown(api, again)["digest"] == ready["digest"]
    assert Job.objects.count() == 1

    content = exported(api, url)
    back = imported(other_api, content)
    assert back.status_code == 201, back.content
    same = other_api.get(f"{back.json()['url']}models/{model['n']}/").json()
    assert (same["digest"], same.get("features_job")) == (ready["digest"], None)
    path = f"{back.json()['url']}models/{model['n']}/predictions/"
    assert other_api.post(path, {"all_singles": True}, format="json").json() == body


@pytest.mark.slow
def test_a_deleted_job_ends_the_model_and_the_next_one_gets_another(api, inline_worker):
    url = measured(api)
    model = asked(api, url)
    job = f"/api/jobs/{model['features_job']}/"
    assert api.post(f"{job}cancel/").status_code == 200
    assert api.delete(job).status_code == 204
    assert turn_take()
    failed = shown(api, model)
    assert failed["state"] == "failed"
    assert "embeddings was deleted" in failed["reason"]
    later = asked(api, url)
    assert later["features_job"] != model["features_job"]
    Job.objects.update(state="failed")
    assert turn_take()
    assert "make another model" in shown(api, later)["reason"]
    last = asked(api, url)
    assert last["features_job"] not in (later["features_job"], model["features_job"])
    inline_worker()
    assert turn_take()
    ready = shown(api, last)
    assert ready["state"] == "ready"
    # What was learnt stays when the job is deleted.
    assert api.delete(f"/api/jobs/{last['features_job']}/").status_code == 204
    kept = shown(api, last)
    assert (kept.pop("features_job", None), kept) == (None, {k: v for k, v in ready.items() if k != "features_job"})
    assert api.post(f"{last['url']}predictions/", {"all_singles": True}, format="json").status_code == 201


def test_other_contexts_are_other_embeddings(api):
    url = measured(api)
    first = asked(api, url)["features_job"]
    body = {"name": "two", "contexts": [["MKTAYIAKQK", "MRTAYIAKQR"]]}
    assert api.post("/api/contexts/", body, format="json").status_code == 201
    Campaign.objects.update(context_set="two")
    second = asked(api, url)["features_job"]
    assert second != first
    assert Job.objects.get(pk=second).params["contexts"][0]["sequences"] == 2
    assert Item.objects.filter(job_id=second).count() == 19 * len(SHORT) + 1


def test_the_job_counts_against_the_quota(api, person):
    url = measured(api)
    Quota.objects.update_or_create(user=person, defaults={"queued_tokens": 100})
    answer = api.post(f"{url}models/", {"property": "activity", "features": "mean"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large_for_quota")
    assert not Job.objects.exists()
    assert not PropertyModel.objects.exists()


def test_the_page_names_the_job(browser, api):
    url = measured(api)
    model = asked(api, url)
    page = browser.get(model["url"].replace("/api", "")).content.decode()
    assert f"/jobs/{model['features_job']}/" in page
    assert "the job of its embeddings" in page
