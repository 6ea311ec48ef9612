"""Public links of projects and campaigns: what they show, what they keep to members, and how they end."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from jobs.errors import Conflict
from jobs.models import Job, Measurement, Project, ProjectMember, PublicLink
from jobs.models.projects import Role
from jobs.operations.leaving import user_delete
from jobs.publishing.links import public_link_make
from jobs.web.places import PUBLIC_PAGES
from tests.helpers import body, client_of, post
from tests.publishing.conftest import OTHERS, PEOPLE

pytestmark = pytest.mark.django_db


def content(path: str) -> str:
    answer = Client().get(path)
    assert answer.status_code == 200, path
    raw = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return raw.decode()


class Links(HTMLParser):
    """Collects where a page leads, and whether it has a form."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.forms += tag == "form"
        if tag == "a" and (href := values.get("href")):
            self.links.append(href)


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_a_project_shows_notes_results_files_and_campaigns(world, publish):
    token = publish("project", world.project.pk)
    paths = world.paths(token)
    text = content(paths["page"])
    for words in ("TEM-1 of all", "<strong>faster</strong>", "a library", "rounds of TEM-1", "fifteen", 'class="thumb'):
        assert words in text, words
    assert {paths[name] for name in ("job", "alignment", "assay", "structure", "campaign")} <= set(Links(text).links)
    result = content(paths["job"])
    assert "<td>one</td>" in result
    assert paths["page"] in Links(result).links, "the way back"
    assert f"{paths['job']}download/?format=jsonl" in Links(result).links
    assert [row["name"] for row in csv.DictReader(io.StringIO(content(paths["job download"])))] == ["one"]
    assert content(paths["alignment"]).startswith(">")
    assert content(paths["assay"]) == "mutant,'=fitness\nM1A,1.5\n'=1+1,\n"
    assert content(paths["structure"]) == "ATOM"


def test_an_alignment_is_the_same_file_that_members_get(world, publish, own_browser):
    own = own_browser.get(f"/contexts/alignments/{world.shown.alignment}/rows.a3m").content.decode()
    assert content(world.paths(publish("project", world.project.pk))["alignment"]) == own


@pytest.mark.parametrize("kind", ["project", "campaign"])
def test_a_campaign_shows_measured_values_models_and_ordered_rounds(world, publish, mine, kind):
    paths = world.paths(publish(kind, getattr(world, kind).pk))
    text = content(paths["campaign"])
    for words in ("rounds of TEM-1", world.campaign.parent, "activity", "Round 2", "Model 1"):
        assert words in text, words
    assert {paths[name] for name in ("measurements", "model", "round")} <= set(Links(text).links)
    rows = list(csv.DictReader(io.StringIO(content(paths["measurements"]))))
    stored = body(mine.get(f"/api/campaigns/{world.campaign.pk}/measurements/"))["results"]
    activity = sorted(one["value"] for one in stored if one["property"] == "activity")
    assert sorted(float(row["value"]) for row in rows) == activity
    assert "Positions and residues" in content(paths["data"])
    assert "Cross-validation" in content(paths["model"])
    assert "K4A" in content(paths["round"])


def test_plans_codons_and_predictions_stay_with_members(world, publish):
    token = publish("campaign", world.campaign.pk)
    paths = world.paths(token)
    text = content(paths["page"])
    assert "Round 1" not in text
    assert "PLANNED1A" not in text
    assert "SECRETCODON" not in content(paths["round"])
    pages = [content(paths[name]) for name in ("page", "data", "model", "round")]
    assert [Links(one).forms for one in pages] == [0] * 4
    assert all(world.campaign.cds not in one for one in pages)
    leads = {link for one in pages for link in Links(one).links if not link.startswith(("#", "?", "/help"))}
    assert {link for link in leads if not link.startswith(f"/public/{token}/")} <= {"/"}


def test_no_page_or_file_tells_of_people_or_of_what_others_submitted(world, publish):
    token = publish("project", world.project.pk)
    paths = world.paths(token)
    paths.pop("download")  # of a job's own link
    secrets = (*PEOPLE, *OTHERS, "/api/", "csrfmiddlewaretoken", str(world.project.pk))
    texts = {name: content(path) for name, path in paths.items()}
    assert {(name, one) for name, text in texts.items() for one in secrets if one in text} == set()
    assert "[e-mail address left out]" in texts["page"]


def test_pages_keep_search_engines_caches_and_other_sites_out(world, publish):
    for path in world.paths(publish("project", world.project.pk)).values():
        answer = Client().get(path)
        if answer.streaming:
            b"".join(answer.streaming_content)
        assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("private, no-store", "no-referrer"), path
        assert "noindex" in answer["X-Robots-Tag"]


def test_what_is_added_later_is_shown_and_what_is_taken_out_is_not(world, publish):
    paths = world.paths(publish("project", world.project.pk))
    Job.objects.filter(pk=world.hidden.outside).update(project=world.project)
    assert "outside-the-project" in content(paths["page"])
    Job.objects.filter(pk=world.shown.job).update(project=None)
    assert "a library" not in content(paths["page"])
    for name in ("job", "job download", "assay", "structure"):
        assert Client().get(paths[name]).status_code == 404, name


# --- who makes it, and what they are told ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["project", "campaign"])
def test_only_the_owner_makes_and_revokes_it_and_members_see_it(world, publish, other_api, kind):
    address = f"/api/{kind}s/{getattr(world, kind).pk}/public-link/"
    publish(kind, getattr(world, kind).pk, days=3)
    for name in ("erwin", "wilhelmina"):
        member = client_of(User.objects.get(username=name))
        state = body(member.get(address))
        assert (state["public"], bool(state["expires_at"])) == (True, True)
        for refused in (post(member, address, {}), member.delete(address)):
            assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
    assert other_api.get(address).status_code == post(other_api, address, {}).status_code == 404


def test_the_owner_is_told_before_what_everybody_will_see(world, mine, own_browser):
    state = body(mine.get(f"/api/projects/{world.project.pk}/public-link/"))
    assert state["public"] is False
    shows, leaves_out = " ".join(state["shows"]), " ".join(state["leaves_out"])
    assert "1 finished job of the owner" in shows
    assert "1 campaign of the owner: every measured value" in shows
    assert "1 job, 0 campaigns, 1 alignment, 0 context sets" in leaves_out
    page = own_browser.get(f"/projects/{world.project.pk}/public-link/").content.decode()
    assert all(one in page for one in (*state["shows"], *state["leaves_out"]))
    assert 'value="make"' in page

    Measurement.objects.filter(property=world.shown.property, variant="").update(
        added_by=User.objects.get(username="erwin")
    )
    told = body(mine.get(f"/api/campaigns/{world.campaign.pk}/public-link/"))
    assert "Every measured value (10 rows, 2 of them added by members)" in " ".join(told["shows"])
    assert "only proposed (1 now)" in " ".join(told["leaves_out"])
    assert "coding sequence" in " ".join(told["leaves_out"])


@pytest.mark.parametrize("kind", ["project", "campaign"])
def test_the_page_makes_it_shows_it_once_replaces_and_revokes_it(world, own_browser, kind):
    home = f"/{kind}s/{getattr(world, kind).pk}/"
    page = f"{home}public-link/"
    assert page in own_browser.get(home).content.decode()

    def link(answer) -> str:
        return re.search(r'<code id="link">http://testserver([^<]+)<', answer.content.decode())[1]

    first = link(own_browser.post(page, {"do": "make", "days": "7"}))
    assert Client().get(first).status_code == 200
    assert first not in own_browser.get(page).content.decode()
    second = link(own_browser.post(page, {"do": "replace"}))
    assert [Client().get(one).status_code for one in (first, second)] == [404, 200]
    assert own_browser.post(page, {"do": "make", "days": "soon"}).status_code == 400
    assert own_browser.post(page, {"do": "revoke"}).status_code == 302
    assert Client().get(second).status_code == 404


def test_nothing_is_offered_if_links_are_not_allowed(world, publish, mine, own_browser, settings):
    tokens = [publish(kind, getattr(world, kind).pk) for kind in ("project", "campaign")]
    settings.E1_PUBLIC_LINKS = False
    for kind, token in zip(("project", "campaign"), tokens, strict=True):
        home = f"/{kind}s/{getattr(world, kind).pk}/"
        assert "public-link" not in own_browser.get(home).content.decode()
        assert "E1_PUBLIC_LINKS" in own_browser.get(f"{home}public-link/").content.decode()
        refused = post(mine, f"/api{home}public-link/", {})
        assert (refused.status_code, refused.json()["code"]) == (403, "public_links_off")
        assert Client().get(f"/public/{token}/").status_code == 404


# --- how it ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["over", "deleted", "deleted and restored", "owner deactivated", "handed over"])
def test_the_link_of_a_project_ends(world, publish, mine, owner, how):
    paths = world.paths(publish("project", world.project.pk, days=3))
    address = f"/api/projects/{world.project.pk}/"
    match how:
        case "over":
            PublicLink.objects.update(expires_at=timezone.now())
        case "deleted":
            assert mine.delete(address).status_code == 204
        case "deleted and restored":
            mine.delete(address)
            assert post(mine, f"{address}restore/", {}).status_code == 200
        case "owner deactivated":
            User.objects.filter(pk=owner.pk).update(is_active=False)
        case "handed over":
            root = client_of(User.objects.create_superuser("root"))
            assert post(root, f"{address}hand-over/", {"user": "wilhelmina"}).status_code == 204
    assert [name for name, path in paths.items() if Client().get(path).status_code != 404] == []


@pytest.mark.parametrize("how", ["deleted", "handed over"])
def test_the_link_of_a_campaign_ends(world, publish, mine, how):
    path = world.paths(publish("campaign", world.campaign.pk))["page"]
    if how == "deleted":
        assert mine.delete(f"/api/campaigns/{world.campaign.pk}/").status_code == 204
    else:
        root = client_of(User.objects.create_superuser("root"))
        assert post(root, f"/api/projects/{world.project.pk}/hand-over/", {"user": "wilhelmina"}).status_code == 204
    assert Client().get(path).status_code == 404


def test_a_link_opens_exactly_one_thing(owner):
    project = Project.objects.create(owner=owner, name="x")
    job = Job.objects.create(owner=owner, model="e1-demo", action="log_prob")
    for wrong in ({}, {"project": project, "job": job}):
        with pytest.raises(IntegrityError), transaction.atomic():
            PublicLink.objects.create(digest="0" * 64, **wrong)


# --- cost -------------------------------------------------------------------------------------------------------------


def test_pages_of_campaigns_take_places_of_addresses_while_they_are_computed(world, publish, settings):
    path = world.paths(publish("campaign", world.campaign.pk))["model"]
    settings.E1_USER_PUBLIC_DOWNLOADS = 1
    with PUBLIC_PAGES.place("127.0.0.1"):
        refused = Client().get(path)
        assert (refused.status_code, refused["Retry-After"], refused["Referrer-Policy"]) == (429, "5", "no-referrer")
    assert Client().get(path).status_code == 200
    assert not PUBLIC_PAGES._taken


# --- who decides what becomes public ----------------------------------------------------------------------------------


def test_a_member_puts_nothing_of_the_owner_behind_a_public_link(world, publish, owner):
    """Both projects are the owner's, and the member may edit both: what is public is still the owner's choice."""
    editor = User.objects.get(username="erwin")
    private = Project.objects.create(owner=owner, name="not for everybody")
    ProjectMember.objects.create(project=private, user=editor, role=Role.EDIT)
    Job.objects.filter(pk=world.hidden.outside).update(project=private)
    added = f"/api/projects/{world.project.pk}/add/"
    asked = {"jobs": [str(world.hidden.outside)]}
    publish("project", world.project.pk)
    answer = post(client_of(editor), added, asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_the_owner")
    assert Job.objects.get(pk=world.hidden.outside).project_id == private.pk
    assert post(client_of(owner), added, asked).status_code == 200


def test_a_link_is_not_made_for_what_was_handed_over_meanwhile(world, owner):
    stale = Project.objects.get(pk=world.project.pk)
    Project.objects.filter(pk=stale.pk).update(owner=User.objects.get(username="erwin"))
    with pytest.raises(Conflict, match="handed over"):
        public_link_make(stale, days=None)
    assert not PublicLink.objects.filter(project=stale).exists()


def test_files_of_a_deleted_member_do_not_become_public(world, publish):
    """They count as the owner's from then on, who has not decided about them."""
    token = publish("project", world.project.pk)
    assert Client().get(f"/public/{token}/assays/{world.hidden.assay}.csv").status_code == 404
    user_delete(user=User.objects.get(username="erwin"))
    assert Client().get(f"/public/{token}/assays/{world.hidden.assay}.csv").status_code == 404
    assert Client().get(f"/public/{token}/").status_code == 404
