"""The client and `e1 project` against the running web process."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from e1client import Client, Rejected, Unauthorised, UsageError
from e1client.cli import app
from e1client.project_text import member_lines, project_lines, table_of_projects
from jobs.models import Job, Project, ProjectMember

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def e1(signed_in, tmp_path):
    (tmp_path / "library.fasta").write_bytes(b">a\nMKTAYIAK\n")
    (tmp_path / "notes.md").write_text("# Aim\n")

    def run(*args):
        result = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr

    return run


def test_a_project_from_its_making_to_its_restoring(e1, stranger):
    code, (made,), _ = e1("project", "create", "TEM-1", "--notes", "notes.md")
    assert (code, made["notes"], made["access"]) == (0, "# Aim\n", "own")
    submit = ("submit", "library.fasta", "--action", "encode", "--model", "e1-demo", "--project", "TEM-1")
    _, (job,), _ = e1(*submit)
    assert job["project"] == made["id"]
    assert [one["id"] for one in e1("status", "--project", "TEM-1")[1]] == [job["id"]]
    assert e1("project", "remove", "TEM-1", job["id"])[1][0]["jobs"] == 0
    assert e1("project", "add", "TEM-1", job["id"])[1][0]["jobs"] == 1
    assert e1("project", "share", "TEM-1", "james", "--edit")[1][0]["results"][0]["role"] == "edit"
    assert "/projects/join/" in e1("project", "share", "TEM-1", "--link")[1][0]["url"]
    assert e1("project", "unshare", "TEM-1", "--link")[0] == 0
    assert Project.objects.get().link_digest is None
    assert e1("project", "unshare", "TEM-1", "james")[0] == 0
    assert not ProjectMember.objects.exists()
    assert e1("project", "archive", "TEM-1")[1][0]["archived_at"]
    assert e1("project", "list")[1] == []
    assert e1("project", "delete", "TEM-1")[0] == 0
    assert [one["name"] for one in e1("project", "list", "--state", "deleted")[1]] == ["TEM-1"]
    code, (back,), _ = e1("project", "restore", "TEM-1")
    assert (code, back["jobs"], back["deleted_at"]) == (0, 1, None)


def test_a_campaign_of_a_project(e1, live_server, token_of, stranger):
    e1("project", "create", "TEM-1")
    begin = ("campaign", "create", "first", "--parent", "MKTAYIAK", "--model", "e1-demo")
    _, (made,), _ = e1(*begin, "--project", "TEM-1")
    assert (made["owner"], made["access"], made["alignment"]) == ("rosalind", "own", None)
    assert [one["id"] for one in e1("campaign", "list", "--project", "TEM-1")[1]] == [made["id"]]
    e1("project", "share", "TEM-1", "james")
    with Client(url=live_server.url, token=token_of(stranger)) as other:
        assert other.campaign(made["id"])["access"] == "view"
        with pytest.raises(Unauthorised) as refused:
            other.move_campaign(made["id"], None)
        assert refused.value.code == "read_only"
        assert e1("campaign", "move", "first", "--out")[1][0]["project"] is None
        with pytest.raises(Rejected):
            other.campaign(made["id"])
    assert e1("campaign", "move", "first", "TEM-1")[1][0]["project"] == made["project"]
    assert e1("campaign", "move", "first")[0] != 0
    assert e1("project", "remove", "TEM-1", "--campaign", "first")[1][0]["campaigns"] == 0
    assert e1("project", "add", "TEM-1", "--campaign", "first")[1][0]["campaigns"] == 1


def test_a_name_that_means_none_or_two_projects_is_refused(live_server, token):
    with Client(url=live_server.url, token=token) as client:
        client.create_project("twice")
        client.create_project("twice")
        for name, found in (("twice", "2 projects"), ("none", "no project")):
            with pytest.raises(UsageError, match=found):
                client.project(name)


def test_a_colleague_joins_by_a_link_and_only_reads(live_server, token, token_of, stranger):
    with (
        Client(url=live_server.url, token=token) as owner,
        Client(url=live_server.url, token=token_of(stranger)) as other,
    ):
        project = owner.create_project("TEM-1")
        job = owner.submit_items(["MKTAYI"], model="e1-demo", action="log_prob", project=project)
        with pytest.raises(Rejected):
            other.job(job)
        assert other.join_project(owner.link_project(project))["access"] == "view"
        assert other.job(job).id == job.id
        with pytest.raises(Unauthorised) as refused:
            other.label(job, tags=["mine"])
        assert refused.value.code == "read_only"
        assert owner.label(job, tags=["mine"], archived=True).data["tags"] == ["mine"]
    assert Job.objects.get().archived_at is not None


def test_an_administrator_hands_over(e1, person, stranger):
    project = Project.objects.create(owner=stranger, name="left")
    assert e1("project", "hand-over", project.pk, "rosalind")[0] != 0
    person.is_superuser = True
    person.save()
    assert e1("project", "hand-over", project.pk, "rosalind")[0] == 0
    project.refresh_from_db()
    assert project.owner == person


def test_projects_in_words():
    body = {
        "id": "0", "name": "TEM-1", "description": "of E. coli", "owner": "rosalind", "access": "own", "jobs": 2,
        "alignments": 1, "contexts": 0, "campaigns": 3, "members": 1, "archived_at": None, "restorable_until": None,
        "notes": "# Aim\n\nfast", "created_at": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    assert {"project 0 'TEM-1'", "  | # Aim", "  holds       2 jobs, 1 alignments, 0 context sets, 3 campaigns"} <= set(
        project_lines(body)
    )
    assert list(table_of_projects([body]))[1].endswith("2026-01-02  TEM-1")
    members = {"owner": "rosalind", "results": [{"user": "james", "role": "view", "by_link": True}]}
    assert list(member_lines(members)) == ["rosalind  owner", "james  view (by the link)"]
