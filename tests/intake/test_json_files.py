"""A request, or a list of its items, in a file of JSON: the same job at every entrance, under any name."""

from __future__ import annotations

import gzip
import json
import re
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT
from typer.testing import CliRunner

from e1client.cli import app
from jobs.models import Item, Job
from tests.helpers import body, encode, submit, text_of
from worker.run_file import run

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
ITEMS = [{"name": "a", "sequence": "MKTAYI"}, {"name": "b", "sequence": "mkt"}]
REQUEST = {"model": "e1-demo", "action": "log_prob", "name": "two", "items": ITEMS, "context_sequences": ["MRTAYI"]}
READ = [("a", "MKTAYI"), ("b", "MKT")]
FILES = {
    "a request over lines": ("x.json", json.dumps(REQUEST, indent=1).encode()),
    "a request on one line": ("x.txt", json.dumps(REQUEST).encode()),
    "a packed request": ("x.gz", gzip.compress(json.dumps(REQUEST).encode())),
    "items alone": ("x.json", json.dumps({"items": ITEMS}).encode()),
    "a list": ("items.json", json.dumps(ITEMS).encode()),
    "a list named JSONL": ("items.jsonl", b"\xef\xbb\xbf" + json.dumps(ITEMS, indent=1).encode()),
}
TO = {"model": "e1-demo", "action": "log_prob"}


def stored():
    return list(Item.objects.order_by("index").values_list("name", "sequence"))


def by_form(api, browser, name, data):
    return submit(api, data, name, action="log_prob")


def by_raw_body(api, browser, name, data):
    query = f"?model=e1-demo&action=log_prob&filename={name}"
    return api.post(f"/api/jobs/{query}", data, content_type="application/octet-stream")


FORM = {**TO, "on_invalid": "reject", "complete": "1"}


def by_page(api, browser, name, data):
    return browser.post("/jobs/new/", {**FORM, "key": uuid4().hex, "file": SimpleUploadedFile(name, data)})


def by_paste(api, browser, name, data):
    return browser.post("/jobs/new/", {**FORM, "key": uuid4().hex, "sequences": data.decode()})


@pytest.mark.django_db
@pytest.mark.parametrize("what", FILES)
def test_it_is_read_as_its_items_wherever_it_is_uploaded(api, browser, what):
    name, data = FILES[what]
    entrances = [by_form, by_raw_body, by_page] + [by_paste] * (not name.endswith(".gz"))
    for send in entrances:
        answer = send(api, browser, name, data)
        assert answer.status_code in {202, 302}, text_of(answer)
        assert stored() == READ
        shared = [item.context.sequences if item.context else [] for item in Item.objects.select_related("context")]
        assert shared == [REQUEST["context_sequences"] if "request" in what else []] * 2
        Job.objects.all().delete()


@pytest.mark.django_db
def test_a_form_fills_in_what_it_lacks_from_the_file(api):
    form = {"file": SimpleUploadedFile("x.json", FILES["a request on one line"][1])}
    made = api.post("/api/jobs/", encode(form), content_type=MULTIPART_CONTENT)
    job = Job.objects.get(pk=body(made)["id"])
    assert (job.name, job.action, job.warnings) == ("two", "log_prob", [])
    other = submit(api, FILES["a request on one line"][1], "x.json", action="encode", name="mine")
    (warning,) = body(other)["warnings"]
    assert warning["code"] == "request_in_file"
    assert "what it says of action, name was not read" in warning["message"]
    assert (body(other)["name"], body(other)["action"]) == ("mine", "encode")


@pytest.mark.django_db
def test_estimates_extensions_and_previews_read_it_too(api, browser):
    name, data = FILES["a list"]
    form = {"file": SimpleUploadedFile(name, data), **TO}
    assert body(api.post("/api/estimate/", encode(form), content_type=MULTIPART_CONTENT))["items"] == 2
    job = body(submit(api, b">c\nMKT\n", action="log_prob"))
    longer = api.post(
        f"{job['url']}extend/", encode({"file": SimpleUploadedFile(name, data)}), content_type=MULTIPART_CONTENT
    )
    assert (longer.status_code, stored()) == (202, [("c", "MKT"), *READ])
    other = SimpleUploadedFile(name, json.dumps(REQUEST | {"action": "encode"}).encode())
    refused = api.post(f"{job['url']}extend/", encode({"file": other}), content_type=MULTIPART_CONTENT)
    assert (refused.status_code, body(refused)["code"]) == (400, "not_the_jobs")
    shown = browser.post("/jobs/new/cost/", {**FORM, "file": SimpleUploadedFile(name, data)}).json()
    assert (shown["items"], shown["library"]["records"]) == (2, 2)


REFUSED = {
    "no_items": b'{"model": "e1-demo",\n "action": "encode"}',
    "bad_json": b'[\n{"sequence": "MKT"},\n]',
    "unknown_field": b'{"items": [{"sequence": "MKT"}], "modell": "e1-demo"}',
    "bad_character": b'{"items": [{"sequence": "MKT"}], "name": "a\\u0000"}',
}


@pytest.mark.django_db
@pytest.mark.parametrize("code", REFUSED)
def test_what_is_wrong_with_it_is_said_of_the_file(api, browser, code):
    answer = by_form(api, browser, "x.json", REFUSED[code])
    (problem,) = body(answer)["errors"]
    assert (answer.status_code, problem["code"]) == (400, code)
    page = by_page(api, browser, "x.json", REFUSED[code])
    assert page.status_code == 400
    place = "name" if code == "bad_character" else "file"
    assert problem["path"] == place
    shown = re.search(rf'id="problem-{place}" data-slot>(.*?)</div>', page.content.decode(), re.S)[1]
    assert problem["message"][1:40] in unescape(re.sub(r"<[^>]+>", "", shown)), "at the file, with a capital"
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_submit_and_run_read_it_by_its_content(live_server, person, token_of, monkeypatch, tmp_path):
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token_of(person))
    for what, (name, data) in FILES.items():
        file, out = tmp_path / name, tmp_path / "out.jsonl"
        file.write_bytes(data)
        line = ["submit", str(file), "--model", "e1-demo", "--action", "log_prob"]
        sent = CliRunner().invoke(app, line, catch_exceptions=False)
        assert (sent.exit_code, stored()) == (0, READ), (what, sent.stderr)
        Job.objects.all().delete()
        given = {"context": None, "params": {}, "on_invalid": "", "name": "", "report": lambda *_: None}
        assert run(file, action="log_prob", model=str(TINY), out=out, **given) == 0
        assert [json.loads(row)["name"] for row in out.read_text().splitlines()] == ["a", "b"]
