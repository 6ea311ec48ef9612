"""Files of predictions: asked for once, computed by a service worker, kept with their model, counted and deleted."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from itertools import product

import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User

from jobs.background import leases
from jobs.background.leases import work_claim
from jobs.campaigns import prediction_files, selections
from jobs.campaigns.selections import Combinations, selection_of, selection_stored
from jobs.models import Campaign, PredictionBlock, PredictionFile, Project, ProjectMember, Quota
from jobs.models.projects import Role
from jobs.quotas import usage
from jobs.science.variants.codes import Variant, read_variant
from jobs.tasks import reap
from jobs.tasks.turns import turn_take
from tests.campaigns.steps import PARENT, made, some_singles, text_of, trained, upload
from tests.helpers import client_of

pytestmark = pytest.mark.django_db

# In the campaign's numbering, which begins at 3 and skips 20 and 30.
MUTATIONS = ["V17A", "V17L", "K18A", "S19G", "H21W"]


def computed() -> None:
    while turn_take():
        pass


def asked(api, address: str, status: int = 202, **body) -> dict:
    answer = api.post(address, body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def downloaded(api, part: dict) -> bytes:
    answer = api.get(part["url"])
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)
    assert len(content) == part["size"] == int(answer["Content-Length"])
    assert hashlib.sha256(content).hexdigest() == part["sha256"]
    digest = base64.b64encode(bytes.fromhex(part["sha256"])).decode()
    assert answer["Repr-Digest"] == f"sha-256=:{digest}:"
    return content


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.fixture
def ready(api) -> str:
    """Return the address of the predictions of a model that learnt from 26 variants."""
    url = made(api)
    assert upload(api, url, text_of(some_singles(26))).status_code == 201
    return f"{trained(api, url)['url']}predictions/"


@pytest.fixture
def unlearnt(api) -> str:
    """Return the same of a model that has learnt nothing, which is quick."""
    return f"{trained(api, made(api))['url']}predictions/"


@pytest.mark.slow
def test_a_file_has_the_rows_of_the_answer_best_first_and_comes_back_the_same(api, ready):
    here = asked(api, ready, 201, combinations=MUTATIONS)
    told = asked(api, ready, combinations=MUTATIONS, file=True)
    assert (told["state"], told["count"], told["asked"], told["files"]) == ("queued", 23, "combinations", [])
    assert api.get(f"{told['url']}file/").json()["code"] == "predictions_not_ready"
    computed()
    shown = api.get(told["url"]).json()
    assert (shown["state"], shown["progress"], shown["ranks_by"]) == ("ready", 1.0, here["ranks_by"])
    assert [one["format"] for one in shown["files"]] == ["csv", "parquet"]
    text, packed = (downloaded(api, one) for one in shown["files"])
    rows = rows_of(text)
    assert [int(row["rank"]) for row in rows] == list(range(1, 24))
    best = sorted(here["rows"], key=lambda row: row["rank"])
    assert [row["variant"] for row in rows] == [row["variant"] for row in best]
    for name in ("mean", "low", "high", "prior"):
        assert [float(row[name]) for row in rows] == pytest.approx([row[name] for row in best], rel=1e-5)
    table = pq.read_table(io.BytesIO(packed))
    assert table.column_names == ["rank", "variant", "mean", "low", "high", "prior"]
    assert [[str(row["rank"]), row["variant"]] for row in table.to_pylist()] == [
        [row["rank"], row["variant"]] for row in rows
    ]
    assert table["mean"].to_pylist() == [float(row["mean"]) for row in rows], "the same digits in both files"
    assert shown["digest"].encode() in table.schema.metadata[b"e1"]
    assert [one["id"] for one in api.get(ready).json()["results"]] == [told["id"]]
    assert api.delete(told["url"]).status_code == 204
    again = asked(api, ready, combinations=MUTATIONS, file=True)
    computed()
    found = [downloaded(api, one) for one in api.get(again["url"]).json()["files"]]
    assert found == [text, packed], "computed again, the same bytes"


def test_the_same_request_gets_the_same_file(api, unlearnt):
    told = asked(api, unlearnt, variants=["V17A", "V17A:K18A"], file=True)
    assert asked(api, unlearnt, variants=["V17A:K18A", "V17A"], file=True)["id"] != told["id"], "in another order"
    computed()
    same = asked(api, unlearnt, variants=["V17A", "p.[Val17Ala;Lys18Ala]"], file=True)
    assert (same["id"], same["state"]) == (told["id"], "ready"), "however it is written"
    assert api.delete(told["url"]).status_code == 204
    assert api.get(told["url"]).status_code == 404


def test_more_than_a_request_takes_become_a_file(api, unlearnt, monkeypatch):
    monkeypatch.setattr(selections, "MOST", 22)
    assert asked(api, unlearnt, combinations=MUTATIONS)["count"] == 23
    monkeypatch.setattr(selections, "MOST", 23)
    assert len(asked(api, unlearnt, 201, combinations=MUTATIONS)["rows"]) == 23
    monkeypatch.setattr(selections, "MOST_MUTATIONS", 23)
    assert asked(api, unlearnt, combinations=MUTATIONS)["state"] == "queued", "many mutations take long as well"
    computed()
    (done,) = api.get(unlearnt).json()["results"]
    rows = rows_of(downloaded(api, done["files"][0]))
    assert {row["mean"] for row in rows} == {""}, "nothing was learnt"
    priors = [float(row["prior"]) for row in rows]
    assert priors == sorted(priors, reverse=True)


def test_bounds_are_stated(api, unlearnt):
    singles = [f"{PARENT[at]}{at + 3 + (at + 3 >= 20) + (at + 4 >= 30)}" for at in range(20)]
    told = [f"{one}{new}" for one in singles for new in "AC" if new != one[0]]
    refused = asked(api, unlearnt, 413, combinations=told)
    assert refused["code"] == "too_many_variants"
    assert "a request takes 1,000,000" in refused["detail"]
    refused = asked(api, unlearnt, 413, combinations=[f"{one}{new}" for one in singles for new in "GAVLIMCF"])
    assert refused["code"] == "too_many_variants"
    assert asked(api, unlearnt, 400, variants=["V17A"], file="yes")["code"] == "wrong_type"
    assert asked(api, unlearnt, 400, file=True)["code"] == "bad_choice"


def test_a_model_that_is_not_ready_is_refused(api):
    url = made(api)
    model = api.post(f"{url}models/", {"property": "activity"}, format="json").json()
    assert asked(api, f"{model['url']}predictions/", 409, all_singles=True, file=True)["code"] == "model_not_ready"
    assert not PredictionFile.objects.exists()


def test_others_get_404_and_readers_may_not_ask(api, unlearnt, stranger):
    told = asked(api, unlearnt, all_singles=True, file=True)
    computed()
    other = client_of(stranger)
    for address in (unlearnt, told["url"], f"{told['url']}file/"):
        assert other.get(address).status_code == 404
    assert other.post(unlearnt, {"all_singles": True, "file": True}, format="json").status_code == 404
    assert other.delete(told["url"]).status_code == 404
    project = Project.objects.create(owner=Campaign.objects.get().owner, name="shared")
    Campaign.objects.update(project=project)
    member = ProjectMember.objects.create(project=project, user=stranger, role=Role.VIEW)
    assert other.get(f"{told['url']}file/").status_code == 200
    assert len(asked(other, unlearnt, 201, all_singles=True)["rows"]) == 19 * len(PARENT)
    assert asked(other, unlearnt, 403, all_singles=True, file=True)["code"] == "read_only"
    assert other.delete(told["url"]).status_code == 403
    member.role = Role.EDIT
    member.save()
    assert asked(other, unlearnt, all_singles=True, file=True)["id"] == told["id"], "there is one already"
    mine = asked(other, unlearnt, combinations=MUTATIONS, file=True)
    before = usage.use_of(stranger.pk).stored_bytes
    computed()
    size = PredictionFile.objects.get(pk=mine["id"]).size
    assert size > 0
    assert usage.use_of(stranger.pk).stored_bytes == before + size, "it counts for those who asked"


def test_files_count_towards_the_storage_and_a_full_one_fails_them(api, person, unlearnt):
    before = usage.use_of(person.pk).stored_bytes
    told = asked(api, unlearnt, all_singles=True, file=True)
    Quota.objects.update_or_create(user=person, defaults={"stored_bytes": usage.use_of(person.pk).stored_bytes + 10})
    computed()
    failed = api.get(told["url"]).json()
    assert failed["state"] == "failed"
    assert "bytes" in failed["reason"]
    assert not PredictionBlock.objects.exists()
    Quota.objects.update(stored_bytes=None)
    assert asked(api, unlearnt, all_singles=True, file=True)["id"] == told["id"], "a failure is tried again"
    computed()
    files = api.get(told["url"]).json()["files"]
    taken = usage.use_of(person.pk).stored_bytes - before
    assert taken >= sum(one["size"] for one in files) > 0


def test_they_are_deleted_with_the_campaign(api, unlearnt):
    asked(api, unlearnt, all_singles=True, file=True)
    computed()
    assert PredictionBlock.objects.exists()
    assert api.delete(f"/api/campaigns/{Campaign.objects.get().pk}/").status_code == 204
    assert not PredictionFile.objects.exists()
    assert not PredictionBlock.objects.exists()


def test_a_lost_worker_is_replaced_and_its_late_result_does_not_count(api, unlearnt):
    told = asked(api, unlearnt, combinations=MUTATIONS, file=True)
    lost = work_claim(PredictionFile, told["id"])
    assert lost is not None
    assert api.get(told["url"]).json()["state"] == "running"
    assert not prediction_files.prediction_run(file_id=told["id"]), "its lease still holds"
    PredictionFile.objects.update(lease_end=lost.created_at)
    assert prediction_files.prediction_run(file_id=told["id"])
    assert not leases.work_renew(lost)
    assert len(rows_of(downloaded(api, api.get(told["url"]).json()["files"][0]))) == 23


def test_a_deleted_file_stops_its_worker(api, unlearnt, monkeypatch):
    told = asked(api, unlearnt, combinations=MUTATIONS, file=True)
    real = prediction_files.written

    def meanwhile(table, folder, *, report):
        paths = real(table, folder, report=report)
        assert api.delete(told["url"]).status_code == 204
        return paths

    monkeypatch.setattr(prediction_files, "written", meanwhile)
    assert not prediction_files.prediction_run(file_id=told["id"])
    assert not PredictionBlock.objects.exists()


def test_a_file_is_stopped_and_asked_for_again(api, other_api, unlearnt, monkeypatch):
    told = asked(api, unlearnt, combinations=MUTATIONS, file=True)
    stop = f"{told['url']}cancel/"
    assert other_api.post(stop).status_code == 404
    real = prediction_files.files_store

    def meanwhile(work, **more):
        work.blocks.create(build=work.token, number=99, data=b"begun")
        answer = api.post(stop)
        assert (answer.status_code, answer.json()["state"]) == (200, "failed")
        assert answer.json()["reason"] == "it was stopped"
        assert not PredictionBlock.objects.exists()
        return real(work, **more)

    monkeypatch.setattr(prediction_files, "files_store", meanwhile)
    assert not prediction_files.prediction_run(file_id=told["id"]), "the worker notices"
    monkeypatch.undo()
    assert not PredictionBlock.objects.exists()
    again = api.post(stop)
    assert (again.status_code, again.json()["code"]) == (409, "not_building")
    assert asked(api, unlearnt, combinations=MUTATIONS, file=True)["id"] == told["id"]
    computed()
    done = api.get(told["url"]).json()
    assert (done["state"], "reason" in done) == ("ready", False)
    assert api.post(stop).status_code == 409


def test_blocks_of_a_file_whose_workers_were_lost_are_swept(api, unlearnt):
    kept = asked(api, unlearnt, all_singles=True, file=True)
    computed()
    blocks = PredictionBlock.objects.count()
    told = asked(api, unlearnt, combinations=MUTATIONS, file=True)
    for number in range(leases.MAX_ATTEMPTS):
        lost = work_claim(PredictionFile, told["id"])
        lost.blocks.create(build=lost.token, number=number, data=b"half a file")
        PredictionFile.objects.filter(pk=told["id"]).update(lease_end=lost.created_at)
    assert PredictionBlock.objects.count() == blocks + leases.MAX_ATTEMPTS
    reap()
    failed = api.get(told["url"]).json()
    assert failed["state"] == "failed"
    assert "lost 3 times" in failed["reason"]
    assert PredictionBlock.objects.count() == blocks, "those of the finished file stay"
    assert downloaded(api, api.get(kept["url"]).json()["files"][0])


def test_a_model_has_so_many_files(api, unlearnt, monkeypatch):
    monkeypatch.setattr(prediction_files, "MOST_FILES", 1)
    told = asked(api, unlearnt, all_singles=True, file=True)
    assert asked(api, unlearnt, 409, combinations=MUTATIONS, file=True)["code"] == "too_many_predictions"
    assert api.delete(told["url"]).status_code == 204
    asked(api, unlearnt, combinations=MUTATIONS, file=True)


def test_combinations_are_made_one_by_one_in_order():
    told = [Variant((one,)) for code in ("A2G", "A2C", "K3R", "T4S") for one in read_variant(code, "MAKT").mutations]
    found = Combinations.of(one for variant in told for one in variant.mutations)
    sites = [[None, "A2G", "A2C"], [None, "K3R"], [None, "T4S"]]
    expected = [":".join(filter(None, codes)) for codes in product(*sites)][1:]
    assert [found[at].code() for at in range(len(found))] == expected
    with pytest.raises(IndexError):
        found[len(found)]


def test_a_stored_request_is_the_same_selection(api, person: User):
    made(api)
    campaign = Campaign.objects.get()
    for body in ({"all_singles": True}, {"combinations": MUTATIONS}, {"variants": ["V17A:K18A", "WT", "V17A"]}):
        found = selection_of(campaign, body)
        again = selection_stored(found.asked, PARENT)
        assert again.take(range(len(again))) == found.take(range(len(found)))
        assert again.kind == next(iter(body))
