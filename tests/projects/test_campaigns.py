"""Who reads, changes, moves and deletes a campaign of a project. `tests/security/test_matrix.py` walks the routes."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.campaigns.priors import prior_of
from jobs.campaigns.selectors import alignment_of_campaign
from jobs.models import Alignment, Campaign, Job, Measurement, Project, ProjectMember, PropertyModel, Quota, Round
from jobs.models.projects import Role
from jobs.quotas.usage import background_of, use_of
from tests.campaigns.steps import exported, family, imported, made, some_singles, text_of, trained, upload
from tests.factories import finished
from tests.helpers import body, client_of, post, upload_alignment

pytestmark = pytest.mark.django_db

CODES = {"view": "read_only", "own": "not_the_owner"}


def is_refused(answer, needs: str = "view") -> None:
    assert (answer.status_code, answer.json()["code"]) == (403, CODES[needs])


def row_of(url: str) -> Campaign:
    return Campaign.objects.get(pk=url.rstrip("/").rpartition("/")[2])


@pytest.fixture
def url(api, project) -> str:
    """Return the address of a campaign in the project, with measurements."""
    found = made(api, project=str(project.pk))
    assert upload(api, found, text_of(some_singles(3))).status_code == 201
    return found


def with_round(url: str) -> None:
    frozen = '{"asked":{},"objectives":[],"expected":null,"rows":[]}'
    Round.objects.create(campaign=row_of(url), number=1, frozen=frozen, digest="00")


def patch(client, url, **data):
    return client.patch(url, data, format="json")


# --- reading ----------------------------------------------------------------------------------------------------------


def test_the_page_of_campaigns_has_those_of_my_projects(browser, other_browser, viewer, project, url):
    place = reverse("campaign-page", args=[row_of(url).pk])
    client = Client()
    client.force_login(viewer)
    page = client.get("/campaigns/").content.decode()
    assert f'href="{place}"' in page
    assert "by rosalind" in page
    assert "by rosalind" not in browser.get("/campaigns/").content.decode()
    assert "No campaigns yet" in other_browser.get("/campaigns/").content.decode()


def test_a_viewer_reads_all_of_a_campaign_and_downloads_it(api, as_viewer, url):
    model = trained(api, url)
    with_round(url)
    shown = body(as_viewer.get(url))
    assert (shown["owner"], shown["access"]) == ("rosalind", "view")
    for part in ("properties/", "measurements/", "models/", f"models/{model['n']}/", "rounds/", "rounds/1/"):
        assert as_viewer.get(url + part).status_code == 200, part
    for query in ("csv", "xlsx"):
        assert as_viewer.get(f"{url}rounds/1/?format={query}").status_code == 200
    assert exported(as_viewer, url) == exported(api, url)
    predicted = post(as_viewer, f"{url}models/{model['n']}/predictions/", {"variants": ["K4A"]})
    assert [row["variant"] for row in predicted.json()["rows"]] == ["K4A"]
    library = post(as_viewer, f"{url}libraries/", {"sites": ["10"], "scheme": "NNK"})
    assert library.status_code == 201, library.content


def test_a_viewer_changes_nothing_of_a_campaign(as_viewer, url, api):
    number = trained(api, url)["n"]
    with_round(url)
    before = exported(api, url)
    is_refused(post(as_viewer, f"{url}properties/", {"name": "pH", "higher_is_better": True}))
    is_refused(upload(as_viewer, url, text_of(some_singles(2))))
    is_refused(post(as_viewer, f"{url}models/", {"property": "activity"}))
    is_refused(post(as_viewer, f"{url}proposals/", {"objectives": [{"model": number}], "count": 2}))
    is_refused(post(as_viewer, f"{url}rounds/1/ordered/", {}))
    is_refused(post(as_viewer, f"{url}rounds/1/measured/", {}))
    is_refused(patch(as_viewer, url, project=None))
    is_refused(as_viewer.delete(url), "own")
    assert exported(api, url) == before


def test_a_stranger_finds_nothing_of_a_campaign(other_api, url, project):
    for part in ("", "properties/", "measurements/", "models/", "rounds/", "export/"):
        assert other_api.get(url + part).status_code == 404, part
    assert patch(other_api, url, project=None).status_code == other_api.delete(url).status_code == 404
    assert other_api.get(f"/api/campaigns/?project={project.pk}").status_code == 404
    assert body(other_api.get("/api/campaigns/"))["results"] == []


def test_access_to_a_campaign_ends_with_membership_and_with_the_project(api, as_viewer, viewer, url, project):
    ProjectMember.objects.filter(user=viewer).delete()
    assert as_viewer.get(url).status_code == 404
    ProjectMember.objects.create(project=project, user=viewer, role=Role.VIEW)
    assert as_viewer.get(url).status_code == 200
    assert api.delete(f"/api/projects/{project.pk}/").status_code == 204
    assert as_viewer.get(url).status_code == 404
    assert api.get(url).status_code == 200, "it stays with its owner"
    assert api.post(f"/api/projects/{project.pk}/restore/").json()["campaigns"] == 1
    assert as_viewer.get(url).status_code == 200, "the undo brings it back to the members"
    project.delete()  # as the purge does
    assert row_of(url).project_id is None


def test_lists_hold_ones_own_campaigns_or_those_of_a_project(api, as_viewer, url, project):
    made(api)
    assert len(body(api.get("/api/campaigns/"))["results"]) == 2
    assert body(as_viewer.get("/api/campaigns/"))["results"] == []
    shared = body(as_viewer.get(f"/api/campaigns/?project={project.pk}"))["results"]
    assert [(one["url"], one["project"]) for one in shared] == [(url, str(project.pk))]
    assert api.get("/api/campaigns/?project=nonsense").json()["code"] == "bad_project"
    found = post(as_viewer, "/api/proteins/", {"sequence": row_of(url).parent}).json()
    assert [one["id"] for one in found["campaigns"]] == [str(row_of(url).pk)]


def test_a_private_alignment_is_not_shared_with_the_campaign(api, as_viewer, viewer, person, project):
    alignment = upload_alignment(api, family(), "secret-family.a3m").json()
    found = made(api, alignment=alignment["id"], project=str(project.pk))
    trained(api, found)

    def members(client) -> set[str]:
        return set(zipfile.ZipFile(io.BytesIO(exported(client, found))).namelist())

    assert alignment_of_campaign(row_of(found), viewer) is None
    assert body(as_viewer.get(found))["alignment"] is None
    assert members(api) - members(as_viewer) == {"alignment.tsv"}
    page = as_page(viewer, "campaign-page", found)
    assert "secret-family" not in page
    assert alignment["id"] not in page
    Alignment.objects.filter(pk=alignment["id"]).update(project=project)
    assert body(as_viewer.get(found))["alignment"] == alignment["id"]
    assert "alignment.tsv" in members(as_viewer)


def as_page(user, name: str, url: str, *more: object) -> str:
    from django.test import Client

    client = Client()
    client.force_login(user)
    answer = client.get(reverse(name, args=[row_of(url).pk, *more]))
    assert answer.status_code == 200
    return answer.content.decode()


# --- changing ---------------------------------------------------------------------------------------------------------


def test_an_editor_does_what_the_owner_does_but_deletes_nothing(as_editor, url):
    assert post(as_editor, f"{url}properties/", {"name": "pH", "higher_is_better": True}).status_code == 201
    assert upload(as_editor, url, text_of(some_singles(30))).status_code == 201
    model = trained(as_editor, url)
    proposal = {"objectives": [{"model": model["n"]}], "count": 2}
    assert post(as_editor, f"{url}proposals/", proposal).status_code == 201
    assert post(as_editor, f"{url}rounds/1/ordered/", {}).status_code == 201
    assert post(as_editor, f"{url}rounds/1/measured/", {}).status_code == 201
    is_refused(as_editor.delete(url), "own")
    assert Campaign.objects.filter(pk=row_of(url).pk).exists()


def test_what_an_editor_adds_to_a_campaign_counts_for_the_editor(as_editor, editor, person, url):
    kept, own = use_of(person.pk).stored_bytes, use_of(editor.pk).stored_bytes
    assert upload(as_editor, url, text_of(some_singles(30))).status_code == 201
    assert Measurement.objects.filter(added_by=editor).exists()
    assert not Measurement.objects.filter(added_by=person).exists(), "null is the owner"
    grown = use_of(editor.pk).stored_bytes
    assert grown > own
    post(as_editor, f"{url}models/", {"property": "activity"})
    assert (background_of(editor.pk), background_of(person.pk)) == (1, 0)
    assert use_of(editor.pk).stored_bytes > grown
    assert use_of(person.pk).stored_bytes == kept
    assert PropertyModel.objects.get().added_by == editor
    Quota.objects.update_or_create(user=editor, defaults={"stored_bytes": 1})
    more = text_of([[*row[:4], "3.5", row[5]] for row in some_singles(30)])
    assert upload(as_editor, url, more).status_code == 413


def test_the_embeddings_of_an_editors_model_are_the_editors(api, as_editor, editor, url):
    told = {"property": "activity", "features": "mean"}
    job = post(as_editor, f"{url}models/", told).json()["features_job"]
    assert Job.objects.get(pk=job).owner == editor
    assert api.get(f"/api/jobs/{job}/").status_code == 404, "an own job, outside the project"
    page = as_page(row_of(url).owner, "campaign-model-page", url, 1)
    assert "the job of its embeddings" in page
    assert f"/jobs/{job}/" not in page
    contexts = {"name": "two", "contexts": [["MKTAYIAKQK", "MRTAYIAKQR"]]}
    assert api.post("/api/contexts/", contexts, format="json").status_code == 201
    Campaign.objects.update(context_set="two")
    assert post(api, f"{url}models/", told).status_code == 202
    refused = as_editor.post(f"{url}models/", told, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_context_set")
    others = {"name": "two", "contexts": [["MKTAYIAKQK"]]}
    assert as_editor.post("/api/contexts/", others, format="json").status_code == 201
    refused = as_editor.post(f"{url}models/", told, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_context_set")


def test_an_editors_round_is_the_editors(api, as_editor, editor, url):
    number = trained(api, url)["n"]
    before = use_of(editor.pk).stored_bytes
    post(as_editor, f"{url}proposals/", {"objectives": [{"model": number}], "count": 2})
    assert Round.objects.get().added_by == editor
    assert use_of(editor.pk).stored_bytes > before


def test_a_members_prior_never_comes_from_a_private_job_of_the_owner(
    api, as_editor, editor, person, url, project, inline_worker
):
    campaign = row_of(url)
    job = finished(api, inline_worker, "scan", [{"sequence": campaign.parent}])
    assert str(job["id"]) in prior_of(campaign, "auto", by=person).source, "the owner may use an own job"
    assert "BLOSUM" in prior_of(campaign, "auto", by=editor).source
    private = trained(as_editor, url)
    assert job["id"] not in json.dumps(private)
    Job.objects.filter(pk=job["id"]).update(project=project)
    assert str(job["id"]) in prior_of(campaign, "auto", by=editor).source


def test_an_editors_own_jobs_stay_out_of_the_campaign_of_another(
    as_editor, editor, url, person, project, inline_worker
):
    campaign = row_of(url)
    job = finished(as_editor, inline_worker, "scan", [{"sequence": campaign.parent}])
    assert "BLOSUM" in prior_of(campaign, "auto", by=editor).source
    assert "BLOSUM" in prior_of(campaign, "auto", by=person).source
    Job.objects.filter(pk=job["id"]).update(project=project)
    assert str(job["id"]) in prior_of(campaign, "auto", by=person).source


# --- moving -----------------------------------------------------------------------------------------------------------


def test_a_campaign_moves_into_a_project_and_out(api, as_viewer, project):
    url = made(api)
    assert body(api.get(url))["project"] is None
    assert as_viewer.get(url).status_code == 404
    assert patch(api, url, project=str(project.pk)).json()["project"] == str(project.pk)
    assert as_viewer.get(url).status_code == 200
    assert patch(api, url, project=None).json()["project"] is None
    assert as_viewer.get(url).status_code == 404
    assert patch(api, url, name="other").json()["code"] == "unknown_field"
    assert patch(api, url).json()["code"] == "missing_field"
    refused = patch(api, url, project="00000000-0000-0000-0000-000000000000")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_project")


def test_a_project_takes_campaigns_in_and_out(api, as_viewer, project):
    url = made(api)
    campaigns = {"campaigns": [str(row_of(url).pk)]}
    assert post(as_viewer, f"/api/projects/{project.pk}/add/", campaigns).status_code == 403
    assert post(api, f"/api/projects/{project.pk}/add/", campaigns).json()["campaigns"] == 1
    assert as_viewer.get(url).status_code == 200
    assert post(api, f"/api/projects/{project.pk}/remove/", campaigns).json()["campaigns"] == 0
    assert as_viewer.get(url).status_code == 404


def test_an_editor_cannot_carry_a_campaign_to_other_people(as_editor, editor, url, project):
    own = Project.objects.create(owner=editor, name="elsewhere")
    is_refused(patch(as_editor, url, project=str(own.pk)), "own")
    moved = post(as_editor, f"/api/projects/{own.pk}/add/", {"campaigns": [str(row_of(url).pk)]})
    is_refused(moved, "own")
    assert row_of(url).project_id == project.pk


def test_a_stranger_puts_nothing_into_a_project_of_others(other_api, project):
    url = made(other_api)
    assert patch(other_api, url, project=str(project.pk)).json()["code"] == "unknown_project"
    told = {"name": "x", "parent": "MKTAYIAK", "model": "e1-demo", "project": str(project.pk)}
    assert post(other_api, "/api/campaigns/", told).json()["code"] == "unknown_project"
    assert row_of(url).project_id is None


def test_a_viewer_begins_no_campaign_in_the_project(as_viewer, project):
    told = {"name": "x", "parent": "MKTAYIAK", "model": "e1-demo", "project": str(project.pk)}
    is_refused(post(as_viewer, "/api/campaigns/", told))
    assert not Campaign.objects.exists()


def test_an_import_is_in_no_project_whatever_the_file_says(api, other_api, url, project):
    content = exported(api, url)
    again = imported(other_api, content)
    assert again.status_code == 201, again.content
    assert again.json()["project"] is None
    told = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("campaign.json"))
    assert "project" not in told


# --- hand-over --------------------------------------------------------------------------------------------------------


def test_a_campaign_follows_its_project_to_the_new_owner(api, project, editor, viewer, person):
    alignment = upload_alignment(api, family(), "family.a3m").json()["id"]
    post(api, "/api/contexts/", {"name": "near", "contexts": [["MKTAYI"]]})
    post(client_of(editor), "/api/contexts/", {"name": "near", "contexts": [["ACDEF"]]})
    url = made(api, alignment=alignment, context_set="near", project=str(project.pk))
    private = made(api)
    post(api, f"/api/projects/{project.pk}/add/", {"alignments": [alignment], "contexts": ["near"]})
    twin = upload_alignment(client_of(editor), family(), "family.a3m").json()["id"]
    assert twin != alignment
    root = User.objects.create_superuser("root")
    assert post(client_of(root), f"/api/projects/{project.pk}/hand-over/", {"user": "erwin"}).status_code == 204
    handed = row_of(url)
    assert (handed.owner, handed.context_set) == (editor, "near-2")
    assert str(alignment_of_campaign(handed, editor).pk) == twin
    assert row_of(private).owner == person
    person.delete()
    assert client_of(editor).get(url).status_code == 200
    assert client_of(viewer).get(f"{url}export/").status_code == 200


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_project_lists_its_campaigns_and_a_campaign_names_its_project(viewer, person, url, project):
    from django.test import Client

    for user, may in ((viewer, False), (person, True)):
        client = Client()
        client.force_login(user)
        shown = client.get(reverse("project-page", args=[project.pk])).content.decode()
        assert reverse("campaign-page", args=[row_of(url).pk]) in shown
        assert ("Take synthetic out of the project" in shown) is may
        page = as_page(user, "campaign-page", url)
        assert reverse("project-page", args=[project.pk]) in page
        assert ("rosalind shares this campaign with you" in page) is not may


def test_a_viewers_pages_offer_no_change(api, viewer, editor, url):
    number = trained(api, url)["n"]
    with_round(url)
    for user, may in ((viewer, False), (editor, True)):
        page = as_page(user, "campaign-page", url)
        for act in ("property", "upload", "train", "move"):
            assert (f'value="{act}"' in page) is may, act
        assert 'value="delete"' not in page
        assert ('value="ordered"' in as_page(user, "campaign-round-page", url, 1)) is may
        assert ("Propose a round</a>" in as_page(user, "campaign-model-page", url, number)) is may
        assert 'value="prediction"' in as_page(user, "campaign-model-page", url, number)
        assert ("Propose</button>" in as_page(user, "campaign-proposal-page", url)) is may
        assert as_page(user, "campaign-data-page", url)
        client = Client()
        client.force_login(user)
        library = client.get(reverse("campaign-library-page", args=[row_of(url).pk]), {"sites": "13"})
        assert ('value="submit"' in library.content.decode()) is may


def test_a_campaign_is_moved_on_its_page(browser, url, project):
    page = reverse("campaign-page", args=[row_of(url).pk])
    assert browser.post(page, {"do": "move", "project": ""}).status_code == 302
    assert row_of(url).project_id is None
    shown = browser.get(reverse("project-page", args=[project.pk])).content.decode()
    assert 'id="id_campaign"' in shown
    browser.post(reverse("project-act", args=[project.pk]), {"do": "add", "campaign": str(row_of(url).pk)})
    assert row_of(url).project == project
    browser.post(reverse("project-act", args=[project.pk]), {"do": "take-out", "campaign": str(row_of(url).pk)})
    assert row_of(url).project_id is None


def test_no_campaign_page_names_a_project_that_is_no_longer_open(person, editor, as_editor, project):
    url = made(as_editor, project=str(project.pk))
    ProjectMember.objects.filter(user=editor).delete()
    Project.objects.filter(pk=project.pk).update(name="renamed-secret")
    assert "renamed-secret" not in as_page(editor, "campaign-page", url)
    assert body(as_editor.get(url))["project"] == str(project.pk), "as a job's body"
