"""What can't be undone takes a second step on pages, also without scripts."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from jobs.models import Alignment
from tests.web.rosalind import objects_of

pytestmark = pytest.mark.django_db


class Buttons(HTMLParser):
    """Collects the buttons of dangerous actions, and whether each is inside a closed `details`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[bool] = []
        self._details: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "details":
            self._details.append("open" in values)
        elif (
            tag == "button" and "btn-outline-danger" in (values.get("class") or "") and values.get("value") != "cancel"
        ):
            self.found.append(bool(self._details) and not any(self._details))

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._details.pop()


def test_revoking_and_deleting_ask_first(api, browser, person, monkeypatch):
    things = objects_of(api, person, monkeypatch)
    alignment = Alignment.objects.get()
    for address in (
        "/account/tokens/",
        "/account/webhooks/",
        "/contexts/sets/top-secret-library/",
        f"/contexts/alignments/{alignment.pk}/",
        f"/jobs/{things['job_id']}/",
        f"/jobs/{things['scored_job']}/assays/",
    ):
        page = browser.get(address)
        assert page.status_code == 200, address
        buttons = Buttons()
        buttons.feed(page.content.decode())
        assert buttons.found, f"{address} has no such button"
        assert all(buttons.found), f"{address} has a button that acts at once"
