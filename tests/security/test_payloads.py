"""Text that would be markup, on every page: stored by a user, and sent in addresses. None of it becomes an element."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from django.test import Client

from jobs.accounts.tokens import token_create
from jobs.contexts.services import context_set_create
from jobs.models import Alignment, Artefact, Assay, HomologSearch, Job, JobColumn, Structure, Webhook
from tests.helpers import submit
from tests.web.rosalind import addresses, objects_of
from tests.web.routes import PAGE, PAGE_OBJECT, PUBLIC, routes

pytestmark = pytest.mark.django_db

PAYLOADS = (
    "<script>e1x()</script>",
    "</script><script>e1x()</script>",
    "<img src=x onerror=e1x()>",
    "<svg onload=e1x()>",
    "<svg><script>e1x()</script></svg>",
    '" onmouseover="e1x()',
    "' onfocus='e1x()' autofocus='",
    '"><e1x>',
    "'><e1x>",
    "--><e1x>",
    "<!--<e1x>-->",
    "</title><e1x>",
    "</textarea><e1x>",
    "</style><e1x>",
    "<style>@import'e1x'</style>",
    "<iframe src=javascript:e1x()>",
    "javascript:e1x()",
    "data:text/html,<e1x>",
    "<a href=javascript:e1x()>x</a>",
    "<base href=//e1x.example>",
    "<meta http-equiv=refresh content=0;url=//e1x.example>",
    "<form action=//e1x.example><input name=e1x>",
    "{{ e1x }}{% debug %}",
    "${e1x}<%= e1x %>",
    "&lt;e1x&gt;&#60;e1x&#62;",
    "<details open ontoggle=e1x()>",
)
ALLOWED_SCHEMES = ("http:", "https:", "/", "?", "#", "mailto:", "data:image/")


class Page(HTMLParser):
    """A page, with what no text of a user may add to it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.texts: list[str] = []
        self._script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag == "script"
        if tag in ("e1x", "iframe", "base", "object", "embed"):
            self.faults.append(f"an element {tag}")
        for name, value in attrs:
            if name.startswith("on") or name == "srcdoc":
                self.faults.append(f"{tag} has {name}={value!r}")
            if name in ("href", "src", "action", "formaction") and value:
                scheme = value.strip().lower()
                if ":" in scheme.split("/")[0] and not scheme.startswith(ALLOWED_SCHEMES):
                    self.faults.append(f"{tag} has {name}={value!r}")
                if "//e1x" in scheme.split("?")[0]:
                    self.faults.append(f"{tag} leads to {value!r}")

    def handle_data(self, data: str) -> None:
        if self._script and "e1x" in data:
            self.faults.append(f"a script with {data[:60]!r}")
        self._script = False
        self.texts.append(data)


def checked(client: Client, address: str) -> str:
    """Return the visible text of a page, which has no fault."""
    answer = client.get(address)
    html = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if not answer.get("Content-Type", "").startswith("text/html"):
        assert answer["X-Content-Type-Options"] == "nosniff", address
        return ""
    page = Page(html.decode())
    assert not page.faults, (address, page.faults)
    return "".join(page.texts)


def shown(count: int) -> list[str]:
    """Return the payloads, joined to names of at most `count` characters."""
    names = [""]
    for payload in PAYLOADS:
        if len(names[-1]) + len(payload) >= count:
            names.append("")
        names[-1] += payload
    return names


@pytest.fixture
def things(api, person, monkeypatch) -> dict[str, object]:
    return objects_of(api, person, monkeypatch)


def test_the_check_itself_sees_every_kind_of_fault():
    for html in (
        "<e1x>",
        "<p onclick=e1x()>",
        "<script>e1x()</script>",
        "<a href=javascript:e1x()>",
        "<form action=//e1x.example>",
        '<a href=" JavaScript:e1x()">',
        "<iframe srcdoc=e1x>",
    ):
        assert Page(html).faults, html
    assert not Page('<a href="/jobs/?search=e1x">&lt;e1x&gt;</a><script src="/static/a.js"></script>').faults


@pytest.mark.slow
def test_what_users_store_is_text_on_every_page(api, browser, person, things):
    names = shown(100)
    fasta = b"".join(b">%s\nMKTAYIAKQR\n" % payload.encode() for payload in PAYLOADS)
    assert submit(api, fasta, name=names[0]).status_code == 202
    for number, name in enumerate(names):
        token_create(owner=person, name=name, days=None)
        Job.objects.create(owner=person, name=name, model="e1-demo", action="log_prob", params={})
        context_set_create(owner=person, name=f"set{number}", contexts=[["MKT"]], provenance={"source": name})
        HomologSearch.objects.create(owner=person, name=name, database_name=name[:60], parent="MKT", settings={})
        Webhook.objects.create(owner=person, url=f"https://x/{quote(name)}", secret="whsec_x", events=[], reason=name)
    for rows in (Job, Alignment, Assay, Structure, HomologSearch):
        owned = {"owner": person} if any(field.name == "owner" for field in rows._meta.fields) else {}
        rows.objects.filter(**owned).update(name=names[0])
    Assay.objects.update(variant_column=names[1][:60], value_column=names[1][:60], names=[names[0]])
    JobColumn.objects.update(name=names[1], categories=[names[0]])
    Artefact.objects.update(reason=names[0])
    seen = ""
    for route in routes():
        if route.kind in (PAGE, PAGE_OBJECT) and route.cls is None:
            for address in addresses(route, things):
                seen += checked(browser, address)
    for item in range(len(PAYLOADS)):
        seen += checked(browser, f"/jobs/{Job.objects.filter(items__index=25).first().pk}/items/{item}/")
    # As text it is there, so the pages did show it.
    assert all(payload in seen for payload in ("<img src=x onerror=e1x()>", "</title><e1x>", "{{ e1x }}{% debug %}"))


@pytest.mark.slow
def test_what_an_address_brings_is_text_on_every_page(browser, things):
    every = "".join(PAYLOADS)
    names = ("search", "state", "model", "action", "next", "from", "example", "page", "sort", "item", "contexts", "q")
    for route in routes():
        if route.kind in (PAGE, PAGE_OBJECT, PUBLIC) and route.cls is None:
            path = addresses(route, things)[0]
            for text in (every, PAYLOADS[0], PAYLOADS[5]):
                checked(browser, f"{path}?" + "&".join(f"{name}={quote(text)}" for name in names))
    for payload in PAYLOADS:
        checked(browser, f"/{quote(payload, safe='')}/")
        checked(browser, f"/contexts/sets/{quote(payload, safe='')}/")
        checked(Client(), f"/login/?next={quote(payload)}")
