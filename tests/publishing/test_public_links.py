"""Public links of results: who makes them, what they show to everybody, and how they end."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from typer.testing import CliRunner

from e1client import Client as Client_
from e1client.cli import app
from jobs.models import Job, Project, ProjectMember, PublicLink
from jobs.models.projects import Role
from jobs.models.states import JobState
from jobs.web.places import PUBLIC_DOWNLOADS
from tests.factories import finished
from tests.helpers import body, client_of, post, submit_items

pytestmark = pytest.mark.django_db
SEQUENCE = "MKTAYIAKQR"


@pytest.fixture
def job(api, inline_worker, person) -> dict:
    User.objects.filter(pk=person.pk).update(email="rosalind@kings.example", first_name="Rosalind")
    project = Project.objects.create(owner=person, name="secret-project")
    made = finished(api, inline_worker, "log_prob", [{"name": "one", "sequence": SEQUENCE}])
    Job.objects.filter(pk=made["id"]).update(name="TEM-1 library", tags=["secret-tag"], project=project)
    return made


def link_of(job: dict) -> str:
    return f"/api/jobs/{job['id']}/public-link/"


def made(api, job, **data) -> str:
    """Return the path of a new public link."""
    answer = post(api, link_of(job), data)
    assert answer.status_code == 201, answer.content
    return answer.json()["url"].removeprefix("http://testserver")


def test_a_link_opens_the_result_to_everybody(api, job, other_browser):
    path = made(api, job)
    for client in (Client(), other_browser):
        page = client.get(path)
        text = page.content.decode()
        assert page.status_code == 200
        assert "TEM-1 library" in text
        assert "<td>one</td>" in text
        assert '<th scope="col" class="number">log_prob</th>' in text
        assert text.index("CSV file") > text.index('id="downloads"')
        assert f'href="{path}download/?format=jsonl"' in text
        rows = client.get(f"{path}download/?format=csv")
        table = list(csv.DictReader(io.StringIO(b"".join(rows.streaming_content).decode())))
        assert [row["name"] for row in table] == ["one"]
        for format in ("jsonl", "xlsx", "npz", "parquet"):
            assert len(b"".join(client.get(f"{path}download/?format={format}").streaming_content)) > 50, format


def test_names_that_look_like_numbers_stay_as_they_are(api, inline_worker):
    items = [{"name": name, "sequence": SEQUENCE} for name in ("1.10", "2.50", "1e10")]
    page = Client().get(made(api, finished(api, inline_worker, "log_prob", items))).content.decode()
    assert all(f"<td>{item['name']}</td>" in page for item in items)


def test_the_public_page_tells_nothing_else(api, job, person, inline_worker):
    finished(api, inline_worker, "log_prob", [{"name": "other", "sequence": SEQUENCE}])
    path = made(api, job)
    text = Client().get(path).content.decode()
    secrets = (
        person.get_username(), "Rosalind", "rosalind@kings.example", "secret-project", "secret-tag", job["id"],
        'href="/jobs/', "/api/", "csrfmiddlewaretoken",
    )  # fmt: skip
    assert [one for one in secrets if one in text] == []
    for format in ("jsonl", "csv"):
        rows = b"".join(Client().get(f"{path}download/?format={format}").streaming_content).decode()
        assert [one for one in secrets if one in rows] == []
    for format in ("xlsx", "npz"):
        raw = b"".join(Client().get(f"{path}download/?format={format}").streaming_content)
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            inside = b"".join(archive.read(name) for name in archive.namelist()).decode(errors="replace")
        assert [one for one in secrets[:5] if one in inside] == [], format


def test_search_engines_caches_and_other_sites_are_kept_out(api, job):
    path = made(api, job)
    for address in (path, f"{path}download/?format=csv", "/public/wrong/", f"{path}download/?format=nonsense"):
        answer = Client().get(address)
        assert answer["Cache-Control"] == "private, no-store", address
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        if answer.streaming:
            b"".join(answer.streaming_content)  # so that its place is free again
    assert '<meta name="robots" content="noindex' in Client().get(path).content.decode()


def test_the_token_is_long_random_and_stored_nowhere(api, job):
    first, second = made(api, job), made(api, job)
    token = second.rstrip("/").rpartition("/")[2]
    assert len(token) >= 32, "192 bits in 32 letters"
    assert first != second
    assert token not in repr(PublicLink.objects.values().get())
    assert Client().get(first).status_code == 404, "a new link ends the earlier one"
    assert Client().get(second).status_code == 200


def test_off_by_default_and_switching_it_off_ends_every_link(api, job, settings, browser):
    from e1site import settings as written

    assert written.E1_PUBLIC_LINKS is False
    path = made(api, job)
    settings.E1_PUBLIC_LINKS = False
    assert Client().get(path).status_code == 404
    assert Client().get(f"{path}download/?format=csv").status_code == 404
    refused = post(api, link_of(job), {})
    assert (refused.status_code, refused.json()["code"]) == (403, "public_links_off")
    assert body(api.get(link_of(job)))["public"] is False
    page = browser.get(f"/jobs/{job['id']}/public-link/").content.decode()
    assert "E1_PUBLIC_LINKS" in page
    assert 'value="make"' not in page
    assert "public-link" not in browser.get(f"/jobs/{job['id']}/").content.decode()
    assert api.delete(link_of(job)).status_code == 204, "what was made can be revoked"
    settings.E1_PUBLIC_LINKS = True
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize("how", ["revoked", "over", "deleted", "expired", "owner deactivated"])
def test_a_link_ends(api, job, how):
    path = made(api, job, days=3)
    assert body(api.get(link_of(job)))["expires_at"]
    assert Client().get(path).status_code == 200
    rows = Job.objects.filter(pk=job["id"])
    match how:
        case "revoked":
            assert api.delete(link_of(job)).status_code == 204
        case "over":
            PublicLink.objects.update(expires_at=timezone.now())
        case "deleted":
            assert api.delete(f"/api/jobs/{job['id']}/").status_code == 204
            assert not PublicLink.objects.exists()
        case "expired":
            rows.update(state=JobState.EXPIRED)
        case "owner deactivated":
            User.objects.filter(pk=rows.get().owner_id).update(is_active=False)
    for address in (path, f"{path}download/?format=csv"):
        assert Client().get(address).status_code == 404


@pytest.mark.parametrize("days", [0, -1, 3651, "soon", True, 1.5, [1]])
def test_days_that_make_no_sense_are_refused(api, job, days):
    refused = post(api, link_of(job), {"days": days})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_days")
    assert not PublicLink.objects.exists()


def test_only_a_finished_job_has_one(api):
    open_job = submit_items(api, [{"sequence": SEQUENCE}]).json()
    refused = post(api, link_of(open_job), {})
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_finished")


def test_only_the_owner_makes_and_revokes_it(api, job, other_api, person):
    project = Project.objects.get(owner=person)
    path = made(api, job)
    for role in Role:
        member = User.objects.create_user(f"member-{role}")
        ProjectMember.objects.create(project=project, user=member, role=role)
        client = client_of(member)
        assert body(client.get(link_of(job)))["public"] is True
        for refused in (post(client, link_of(job), {}), client.delete(link_of(job))):
            assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
        page = Client()
        page.force_login(member)
        assert 'value="make"' not in page.get(f"/jobs/{job['id']}/public-link/").content.decode()
        assert page.post(f"/jobs/{job['id']}/public-link/", {"do": "revoke"}).status_code == 403
    assert other_api.get(link_of(job)).status_code == post(other_api, link_of(job), {}).status_code == 404
    assert Client().get(path).status_code == 200


def test_the_page_makes_it_shows_it_once_and_revokes_it(browser, job):
    page = f"/jobs/{job['id']}/public-link/"
    assert page in browser.get(f"/jobs/{job['id']}/").content.decode()
    shown = browser.post(page, {"do": "make", "days": "7"}).content.decode()
    path = shown.partition('<code id="link">http://testserver')[2].partition("<")[0]
    assert Client().get(path).status_code == 200
    assert path not in browser.get(page).content.decode()
    assert browser.post(page, {"do": "make", "days": "soon"}).status_code == 400
    assert Client().get(path).status_code == 200, "a refused request ends no link"
    assert browser.post(page, {"do": "revoke"}).status_code == 302
    assert Client().get(path).status_code == 404


def test_a_link_ends_with_the_hand_over(api, job, person):
    path = made(api, job)
    User.objects.create_user("erwin")
    root = User.objects.create_superuser("root")
    project = Project.objects.get(owner=person)
    assert post(client_of(root), f"/api/projects/{project.pk}/hand-over/", {"user": "erwin"}).status_code == 204
    assert Client().get(path).status_code == 404


def test_a_link_builds_no_files_and_changes_nothing(api, job):
    path = made(api, job)
    assert Client().get(f"{path}download/?format=h5").status_code == 404
    assert "format=h5" not in Client().get(path).content.decode()
    for method in ("post", "put", "patch", "delete"):
        assert getattr(Client(), method)(path).status_code == 405
        assert getattr(Client(), method)(f"{path}download/").status_code == 405


def test_a_download_without_a_login_takes_a_place_of_its_address_until_it_ends(api, job, monkeypatch):
    monkeypatch.setattr(PUBLIC_DOWNLOADS, "_taken", Counter())  # others may never have closed their answers
    answer = Client().get(f"{made(api, job)}download/?format=csv")
    assert PUBLIC_DOWNLOADS._taken == {"127.0.0.1": 1}
    assert b"".join(answer.streaming_content)
    assert not PUBLIC_DOWNLOADS._taken


@pytest.mark.django_db(transaction=True)
def test_the_client_and_the_commands(live_server, person, token_of, monkeypatch):
    job = Job.objects.create(owner=person, name="x", model="e1-demo", action="log_prob", state=JobState.SUCCEEDED)
    token = token_of(person)
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token)
    done = CliRunner().invoke(app, ["publish", str(job.pk), "--days", "2"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    path = done.stdout.strip().strip('"').removeprefix(live_server.url)
    with Client_(url=live_server.url, token=token) as client:
        assert client.public_link(job.pk.hex)["public"] is True
        assert "/public/" in client.publish(str(job.pk))
        assert CliRunner().invoke(app, ["unpublish", str(job.pk)], catch_exceptions=False).exit_code == 0
        state = client.public_link(str(job.pk))
        assert (state["public"], state["created_at"], state["expires_at"]) == (False, None, None)
        assert "sequences included" in state["shows"][0]
    assert "/public/" in path


def test_results_that_changed_are_read_again(api, job, inline_worker):
    path = made(api, job)
    assert "<td>one</td>" in Client().get(path).content.decode()
    post(api, f"/api/jobs/{job['id']}/extend/", {"items": [{"name": "two", "sequence": SEQUENCE}]})
    inline_worker()
    assert "<td>two</td>" in Client().get(path).content.decode()
