"""`/help/`: every document is shown without raw HTML, links lead somewhere, and the search finds sections."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from jobs.help.pages import page_html
from jobs.help.places import PLACES
from jobs.help.rendering import headings, html_of, parsed
from jobs.help.searching import search
from jobs.help.sources import documents
from tests.helpers import ROOT
from tests.web.routes import BOARD, CLASSES, PAGE, PAGE_OBJECT, routes

pytestmark = pytest.mark.django_db


class Links(HTMLParser):
    """The tags of a page: links, pictures, ids, and what a strict content security policy forbids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.ids: list[str] = []
        self.forbidden: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "a":
            self.links.append(given["href"])
        if tag == "img":
            self.pictures.append(given["src"])
        if "id" in given:
            self.ids.append(given["id"])
        inline = [name for name in given if name.startswith("on") or name == "style"]
        self.forbidden += inline + [tag] * (tag in ("script", "style", "iframe", "object"))


NAMES = sorted(documents())


def test_every_document_of_the_checkout_is_there():
    assert set(NAMES) == {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }


def test_decisions_of_the_developers_come_last():
    found = [hit.section.document.name.startswith("adr/") for hit in search("context")]
    assert not found[0]
    assert found == sorted(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_a_page_whose_links_lead_somewhere(client, name):
    address = reverse("help") if name == "README" else reverse("help-page", args=[name])
    answer = client.get(address)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    page = Links(page_html(name))
    assert page.forbidden == []
    assert len(page.ids) == len(set(page.ids))
    for target in page.links:
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme in ("http", "https")
            continue
        shown = page
        if parts.path:
            assert client.get(parts.path).status_code == 200, target
            other = "README" if parts.path == reverse("help") else parts.path.removeprefix("/help/").strip("/")
            shown = Links(page_html(other))
        assert not parts.fragment or parts.fragment in shown.ids, target
    for picture in page.pictures:
        answer = client.get(picture)
        assert answer["Content-Type"] == "image/png"
        assert b"".join(answer.streaming_content).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "unwanted"),
    [
        ("<script>alert(1)</script>", "<script"),
        ("[x](javascript:alert(1))", 'href="javascript'),
        ('<img src=x onerror="alert(1)">', "<img"),
        ("[x](../CONTRIBUTING.md)", "<a"),
        ("[x](../../etc/passwd)", "<a"),
    ],
)
def test_markup_and_links_that_lead_outside_become_text(text, unwanted):
    html = html_of("page", text, lambda path: None)
    assert unwanted not in html
    assert "x" in html or "alert" in html


@pytest.mark.parametrize("name", ["nothing", "../README", "images/nothing.png", "README", "..%2fREADME"])
def test_a_page_that_is_not_there_is_404(client, name):
    assert client.get(f"/help/{name}/").status_code == 404
    assert client.get(f"/help/images/{name}", follow=True).status_code == 404


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("several contexts", "variants"),
        ("FLOAT16 overflow", "results"),
        ("bad_letter", "input-rules"),
        ("E1_RETENTION_DAYS", "settings"),
        ("what is the licence", "what-is-e1"),
    ],
)
def test_a_search_finds_the_section(client, asked, found):
    hits = search(asked)
    assert found in {hit.section.document.name for hit in hits}
    page = client.get("/help/", {"q": asked}).content.decode()
    assert f'href="{reverse("help-page", args=[found])}#' in page


def test_excerpts_have_spaces_between_lines_and_titles_have_no_marks(client):
    assert "the result is an alignment with" in search("hmmer")[0].section.text.lower()
    assert not [one.title for one in documents().values() if "`" in one.title]


def test_every_hit_leads_to_an_anchor_of_its_page():
    for hit in search("the"):
        assert hit.section.anchor in {one.anchor for one in headings(parsed(hit.section.document.text))}


@pytest.mark.parametrize(
    "asked", ["", "   ", "!!!", "zzzyyyxxx", "<script>alert(1)</script>", "a" * 5000, "\u202e\x00"]
)
def test_a_search_that_finds_nothing_says_so(client, asked):
    answer = client.get("/help/", {"q": asked})
    assert answer.status_code in (200, 400)
    assert "<script>alert" not in answer.content.decode()


def test_every_page_links_to_the_document_about_it(client, django_user_model):
    pages = {route.name for route in routes() if CLASSES.get(route.name) in (PAGE, PAGE_OBJECT, BOARD)}
    # Answers without a page of their own: forms that redirect, tables, and parts of a page.
    pages -= {
        name
        for name in pages
        if re.search(
            r"-(act|table|workbook|substitutions|book|cost|upload|remove|news|csv|fasta|a3m|summary|share)$", name
        )
    }
    assert pages - set(PLACES) == set()
    for target in PLACES.values():
        name, _, anchor = target.partition("#")
        assert not anchor or anchor in {one.anchor for one in headings(parsed(documents()[name].text))}, target
    client.force_login(django_user_model.objects.create_user("reader"))
    assert '<a href="/help/browser/#1-a-new-job">Help</a>' in client.get("/jobs/new/").content.decode()
    assert '<a href="/help/"' in client.get("/nothing/").content.decode()


def test_help_needs_no_login(client):
    assert '<a href="/help/">Help</a>' in client.get(reverse("login")).content.decode()
    assert client.get("/help/install/").status_code == 200
