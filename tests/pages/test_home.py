"""The cards of the home page, and the page for a new job that each leads to."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from django.template.loader import get_template

from jobs.actions import ACTIONS
from jobs.models import Job
from jobs.pages.tasks import TASKS
from tests.helpers import body, submit, text_of

pytestmark = pytest.mark.django_db

WITH_FORM = [task for task in TASKS.values() if task.action]
FORM = {"include": "mean", "repr_layers": "-1", "rows": "all", "method": "masked_marginal", "complete": "1"}


class Shown(HTMLParser):
    """Collects the ids of elements that are outside closed `details`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self._closed: list[bool] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if not any(self._closed) and (name := values.get("id")):
            self.ids.add(name)
        if tag == "details":
            self._closed.append("open" not in values)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._closed.pop()


def test_the_cards_are_above_the_jobs_and_lead_on(browser, api):
    job = body(submit(api, name="mine"))
    page = browser.get("/")
    text = text_of(page)
    assert text.index("What do you want to know?") < text.index(job["name"])
    for task in TASKS.values():
        assert task.title in text
        for address in filter(None, (task.url, task.example)):
            assert f'href="{address.replace("&", "&amp;")}"' in page.content.decode()
            assert browser.get(address).status_code == 200


@pytest.mark.parametrize("address", ["/?search=x", "/?select=yes", "/?page=2"])
def test_a_list_that_is_asked_for_has_no_cards(browser, address):
    assert "What do you want to know?" not in text_of(browser.get(address))


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.key)
def test_each_picture_is_small_and_has_no_script_or_style(task):
    text = get_template(task.picture).render()
    names = {element.tag for element in ElementTree.fromstring(text).iter()}
    assert names <= {"svg", "path", "text"}
    assert len(text) < 12_000
    assert "style=" not in text


@pytest.mark.parametrize("task", WITH_FORM, ids=lambda task: task.key)
def test_a_task_shows_its_own_fields_first(browser, task):
    page = browser.get(task.url).content.decode()
    assert f'<h1 class="h3 mb-1">{task.title}</h1>' in page
    assert f'<option value="{task.action}" selected>' in page
    shown = Shown(page).ids
    for place in ("file", "name", "context", *(["parent"] if task.action == "score" else [])):
        assert f"place-{place}" in shown, place
    for place in ("action", "model", "method", "on_invalid", "sheet", "include", "repr_layers", "dtype"):
        assert f"place-{place}" not in shown, place
    # Every field of the whole form is there, each with an id of its own.
    fields = re.compile(r'\bid="((?:id|place|problem)[_-][^"]+)"')
    found = fields.findall(page)
    assert len(found) == len(set(found))
    assert set(found) == set(fields.findall(browser.get("/jobs/new/").content.decode()))


@pytest.mark.parametrize("task", WITH_FORM, ids=lambda task: task.key)
def test_the_example_of_a_task_is_accepted_as_it_is(browser, task):
    page = browser.get(task.example).content.decode()
    sent = {"model": "e1-demo", "action": task.action, "task": task.key, "key": task.key, **FORM}
    example = ACTIONS[task.action]
    sent |= {"sequences": example.example, "parent": str(example.example_params.get("parent", ""))}
    assert example.example.split()[1] in page
    answer = browser.post("/jobs/new/", sent)
    assert answer.status_code == 302, text_of(answer)
    assert Job.objects.get().action == task.action


def test_a_problem_in_a_folded_field_opens_it_and_the_task_stays(browser):
    sent = {"model": "e1-demo", "action": "encode", "task": "embed", "key": "one", **FORM, "repr_layers": "99"}
    page = browser.post("/jobs/new/", {**sent, "sequences": ">a\nMKT\n"}).content.decode()
    assert '<h1 class="h3 mb-1">Embed a library</h1>' in page
    assert re.search(r'<details id="advanced"[^>]* open', page)


def test_an_unknown_task_is_the_whole_form(browser):
    for key in ("nothing", "contexts"):
        assert '<h1 class="h3 mb-3">New job</h1>' in browser.get(f"/jobs/new/?task={key}").content.decode()
