"""What can't be undone takes a second step, on every page and without scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Alignment, Artefact, Assay, Project, PublicLink, Structure
from jobs.models.states import JobState, WorkState
from tests.factories import make_job, record
from tests.web.rosalind import addresses, objects_of
from tests.web.routes import PAGE, PAGE_OBJECT, routes

pytestmark = pytest.mark.django_db

HARMLESS = {
    # They make something, change what can be changed back, or only read.
    *("build", "build-h5", "build-parquet", "csv", "fasta", "homologs", "keep", "new", "off", "on", "pause", "preview"),
    *("rename", "resume", "retry", "search", "store", "upload", "property", "train", "prediction", "propose"),
    *("file", "import"),
    "make",
    # The other of the two, or the same again, takes these back.
    *("add", "take-out", "move", "tag", "archive", "unarchive", "change", "share", "restore", "link"),
    # Leads to a page that asks.
    "ask-delete",
}
"""Values of `do` that may act at once. Any other button must be inside a closed `details`, which is the question."""
PLAIN = (
    *("/login/", "/logout/", "/account/password/", "/account/tokens/", "/account/webhooks/", "/account/notifications/"),
    *("/jobs/new/", "/assays/", "/contexts/", "/structures/", "/annotations/", "/projects/"),
    *("/campaigns/new/", "/proteins/"),
)
"""Ends of addresses whose forms without a `do` make or find something, or say who one is."""


@dataclass(frozen=True)
class Button:
    """A button that sends a form by POST."""

    page: str
    action: str
    name: str
    value: str
    asked: bool

    @property
    def act(self) -> str:
        return re.sub(r"-\d+$", "", self.value) if self.name == "do" else ""


class Forms(HTMLParser):
    """Collects the buttons of a page that send a form by POST, and whether each is inside a closed `details`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self._details: list[bool] = []
        self._form: dict[str, str | None] = {}
        self._forms: dict[str, dict[str, str | None]] = {}
        self._buttons: list[tuple[dict[str, str | None], dict[str, str | None], bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "details":
            self._details.append("open" not in values)
        elif tag == "form":
            self._form = values
            if name := values.get("id"):
                self._forms[name] = values
        elif tag == "button" or (tag == "input" and values.get("type") in ("submit", "image")):
            self._buttons.append((values, self._form, any(self._details)))

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._details.pop()
        elif tag == "form":
            self._form = {}

    def buttons(self) -> list[Button]:
        found = []
        for values, around, asked in self._buttons:
            form = self._forms.get(values.get("form") or "", around)
            if values.get("type") == "button" or (form.get("method") or "").lower() != "post":
                continue
            action = values.get("formaction") or form.get("action") or self._page
            found.append(Button(self._page, action, values.get("name") or "", values.get("value") or "", asked))
        return found


@pytest.fixture
def buttons(api, browser, person, monkeypatch) -> list[Button]:
    """Return the buttons of every page of a person who has one object of each kind in each state that matters."""
    things = objects_of(api, person, monkeypatch)
    running = make_job(person, [record(0)])
    type(running).objects.filter(pk=running.pk).update(state=JobState.RUNNING)
    Artefact.objects.create(
        job_id=things["job_id"], kind="map", fingerprint="z", params={"method": "pca"}, state=WorkState.FAILED
    )
    linked = Project.objects.create(owner=person, name="linked", link_digest="0" * 64)
    published = {"job": things["likelihoods-page.job_id"], "project": linked.pk, "campaign": things["campaign_id"]}
    for at, (kind, key) in enumerate(published.items()):
        PublicLink.objects.create(**{f"{kind}_id": key}, digest=f"{at}" * 64)
    reader = Client()
    reader.force_login(User.objects.get(username="viewer"))
    pages = [path for route in routes() if route.kind in (PAGE, PAGE_OBJECT) for path in addresses(route, things)]
    found: list[Button] = []
    links = [f"/{kind}s/{key}/public-link/" for kind, key in published.items()]
    more = (f"/jobs/{running.pk}/", f"/projects/{linked.pk}/", *links)
    shown = [(browser, path) for path in (*pages, *more)]
    for client, path in (*shown, (reader, f"/projects/{things['project_id']}/")):
        answer = client.get(path)
        if answer.streaming:
            b"".join(answer.streaming_content)  # an open stream would end the test's transaction
        elif answer.status_code == 200 and "html" in answer.headers["Content-Type"]:
            forms = Forms(path)
            forms.feed(answer.content.decode())
            found += forms.buttons()
    return found


def test_each_button_that_cannot_be_undone_asks_first(buttons):
    at_once = [one for one in buttons if not one.asked]
    wrong = {
        (one.page, one.value or one.action)
        for one in at_once
        if one.act not in HARMLESS and not (one.act == "" and one.action.partition("?")[0].endswith(PLAIN))
    }
    assert wrong == set()


def test_every_act_that_destroys_is_among_them(buttons):
    """So that the walk has not lost the pages with these buttons."""
    asked = {one.act or one.action.rstrip("/").rpartition("/")[2] for one in buttons if one.asked}
    assert {"cancel", "delete", "revoke", "unshare", "relink", "unlink", "leave", "ordered", "replace"} <= asked
    assert Alignment.objects.count() == Assay.objects.count() == Structure.objects.count() == 1, "nothing was sent"
