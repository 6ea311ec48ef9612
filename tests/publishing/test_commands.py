"""Public links of projects and campaigns by the client and the commands."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from e1client import Client as Client_
from e1client.cli import app
from jobs.models import Project


@pytest.mark.django_db(transaction=True)
def test_the_client_and_the_commands(live_server, person, token_of, monkeypatch):
    project = Project.objects.create(owner=person, name="TEM-1")
    token = token_of(person)
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token)

    def e1(*words: str):
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        return done

    with Client_(url=live_server.url, token=token) as client:
        campaign = client.create_campaign("rounds", parent="MKTAYIAKQR", model="e1-demo", project=str(project.pk))
        made = e1("project", "publish", "TEM-1", "--days", "2")
        assert "/public/" in made.stdout
        assert "every measured value" in made.stderr, "said before"
        assert client.project_public_link("TEM-1")["public"] is True
        assert "/public/" in client.publish_project(str(project.pk))
        e1("project", "unpublish", "TEM-1")
        assert client.project_public_link("TEM-1")["public"] is False
        made = e1("campaign", "publish", "rounds")
        assert "/public/" in made.stdout
        assert "Every measured value" in made.stderr
        assert client.campaign_public_link(campaign)["public"] is True
        assert "/public/" in client.publish_campaign("rounds", days=1)
        e1("campaign", "unpublish", "rounds")
        assert client.campaign_public_link("rounds")["public"] is False
        client.unpublish_campaign("rounds")
