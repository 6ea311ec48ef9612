"""What members of a project see of results: baskets of their own, comparisons of what they may see, forms by right."""

from __future__ import annotations

import pytest

from jobs.models import Artefact, Job
from jobs.variants import baskets
from jobs.web import places
from jobs.web.turns import Turn
from tests.factories import SHORT, finished
from tests.helpers import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def scan(api, inline_worker, project) -> Job:
    """Return a scan in the project."""
    run = finished(api, inline_worker, "scan", [{"sequence": SHORT, "name": "parent"}], method="wildtype_marginal")
    Job.objects.filter(pk=run["id"]).update(project=project)
    return Job.objects.get(pk=run["id"])


@pytest.fixture
def private(api, inline_worker) -> Job:
    """Return a scan of the same parent in no project."""
    run = finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="masked_marginal")
    Job.objects.filter(pk=run["id"]).update(name="kept to myself")
    return Job.objects.get(pk=run["id"])


@pytest.fixture
def browser_of(client):
    def logged_in(user):
        client.force_login(user)
        return client

    return logged_in


def test_a_viewer_picks_into_a_basket_of_their_own(scan, viewer, browser, browser_of):
    reader = browser_of(viewer)
    address = f"/jobs/{scan.pk}/items/0/basket/"
    reader.post(address, {"do": "add", "pick": ["2R"]})
    assert list(reader.session[baskets.KEY].values()) == [["2R"]]
    assert "The basket is empty" in text_of(browser.get(address)), "the owner's basket is another one"
    form = reader.get(f"/jobs/new/?basket={scan.pk}&item=0&action=score")
    assert "K2R" in form.content.decode()


def test_a_viewer_compares_only_with_runs_that_they_may_see(scan, private, viewer, as_viewer, browser, browser_of):
    page = f"/jobs/{scan.pk}/compare/"
    assert private.name in text_of(browser.get(page))
    reader = browser_of(viewer)
    assert private.name not in text_of(reader.get(page))
    assert private.name not in text_of(reader.get(f"{page}?with={private.pk}"))
    refused = as_viewer.get(f"/api/jobs/{scan.pk}/comparison/", {"with": str(private.pk)})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "no_other_job")
    Job.objects.filter(pk=private.pk).update(project=scan.project)
    assert private.name in text_of(reader.get(page))
    answer = as_viewer.get(f"/api/jobs/{scan.pk}/comparison/", {"with": str(private.pk)})
    assert answer.json()["pairs"] == 190


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_the_page_of_a_job_offers_uploads_to_those_who_may_edit(api, inline_worker, project, request, browser_of, role):
    run = finished(api, inline_worker, "contacts", [{"sequence": SHORT, "name": "parent"}])
    Job.objects.filter(pk=run["id"]).update(project=project)
    reader = browser_of(request.getfixturevalue(role))
    text = reader.get(f"/jobs/{run['id']}/").content.decode()
    assert ("/structures/" in text and 'type="file"' in text) == (role == "editor")


def test_large_answers_and_files_take_the_turn_of_who_asks(scan, viewer, browser_of, monkeypatch):
    taken = []
    monkeypatch.setattr(places, "LARGE_ANSWER", 0)
    monkeypatch.setattr(places, "Turn", lambda turns, user_id: taken.append(user_id) or Turn(turns, user_id))
    reader = browser_of(viewer)
    assert reader.get(f"/api/jobs/{scan.pk}/items/0/").status_code == 200
    assert taken == [viewer.pk]
    assert reader.get(f"/api/jobs/{scan.pk}/results/?format=h5").status_code == 202
    assert Artefact.objects.get(kind="h5").added_by == viewer
