"""Files as people have them, at every entrance of a library: REST, the page, `e1 submit` and `e1 run`."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT
from typer.testing import CliRunner

from e1client.cli import app
from jobs.errors import InvalidInput
from jobs.models import Item, Job
from tests.field_cases import CASES, PARENT, PASTED, READ, REFUSED
from tests.helpers import body, encode, submit, text_of
from worker.run_file import run

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
BARE = b"MKTAYIAKQR\nQISFVKSHFS\n"


def stored():
    return list(Item.objects.order_by("index").values_list("name", "sequence"))


@pytest.mark.django_db
@pytest.mark.parametrize("name", READ)
def test_a_form_of_rest_reads_it(api, name):
    answer = submit(api, (CASES / name).read_bytes(), Path(name).name)
    assert answer.status_code == 202, answer.content
    assert stored() == READ[name]


@pytest.mark.django_db
@pytest.mark.parametrize("name", READ)
def test_a_raw_body_of_rest_reads_it_without_a_name(api, name):
    answer = api.post(
        "/api/jobs/?model=e1-demo&action=encode", (CASES / name).read_bytes(), content_type="text/x-fasta"
    )
    assert answer.status_code == 202, answer.content
    assert stored() == READ[name]


FORM = {
    "model": "e1-demo",
    "action": "encode",
    "include": ["mean"],
    "repr_layers": "-1",
    "rows": "all",
    "complete": "1",
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", READ)
def test_the_page_reads_it(browser, name):
    file = SimpleUploadedFile(Path(name).name, (CASES / name).read_bytes())
    answer = browser.post("/jobs/new/", {**FORM, "file": file})
    assert answer.status_code == 302
    assert stored() == READ[name]


@pytest.mark.django_db
@pytest.mark.parametrize("name", PASTED)
def test_it_may_be_pasted_into_the_page(browser, name):
    answer = browser.post("/jobs/new/", {**FORM, "sequences": (CASES / name).read_text()})
    assert answer.status_code == 302
    assert stored() == READ[name]


@pytest.mark.django_db
@pytest.mark.parametrize("name", REFUSED)
def test_rest_and_page_refuse_it_alike(api, browser, name):
    code, words = REFUSED[name]
    data = (CASES / name).read_bytes()
    answer = submit(api, data, Path(name).name)
    assert (answer.status_code, body(answer)["code"]) == (400, code)
    assert words in json.dumps(body(answer))
    assert body(answer)["errors"][0]["remedy"]
    page = browser.post("/jobs/new/", {**FORM, "file": SimpleUploadedFile(Path(name).name, data)})
    assert page.status_code == 400
    assert words in text_of(page)
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_records_of_files_joined_without_a_line_end_are_skipped_by_name(api):
    answer = submit(api, (CASES / "no-final-newline/cat.fasta").read_bytes(), "cat.fasta", on_invalid="skip")
    counts = body(answer)["counts"]
    assert (answer.status_code, counts["total"], counts["skipped"]) == (202, 4, 2)
    skipped = body(api.get(f"{body(answer)['url']}items/", {"state": "skipped"}))["results"]
    assert [(item["name"], item["line"]) for item in skipped] == [("EP1_last", 3), ("EP2_first", 4)]


@pytest.mark.django_db
def test_what_was_changed_is_said_with_the_job(api, browser):
    job = body(submit(api, (CASES / "clustal/clustalo.aln").read_bytes(), "x.aln"))
    assert job["cleaning"]["gaps"] == 1
    job = body(submit(api, (CASES / "hhsuite-structure-rows/dssp-pred.a3m").read_bytes(), "x.a3m"))
    (warning,) = job["warnings"]
    assert (warning["code"], warning["line"]) == ("annotation_rows", 1)
    page = text_of(browser.get(f"/jobs/{job['id']}/"))
    assert "2 rows that annotate the alignment were left out" in page


@pytest.mark.django_db
def test_what_was_changed_of_a_context_is_said_with_the_job(api):
    data = (CASES / "clustal/clustalo.aln").read_bytes()
    job = body(submit(api, b">a\nMKT\n", context=SimpleUploadedFile("homologs.aln", data)))
    (warning,) = job["warnings"]
    assert (warning["code"], warning["path"]) == ("gaps_removed", "context_sequences")


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in REFUSED if REFUSED[name][0] != "invalid_records"])
def test_contexts_are_refused_alike(api, name):
    code, words = REFUSED[name]

    def context():
        return SimpleUploadedFile(Path(name).name, (CASES / name).read_bytes())

    answer = submit(api, b">a\nMKT\n", context=context())
    assert (answer.status_code, body(answer)["code"]) == (400, code)
    assert words in body(answer)["detail"]
    assert body(answer)["errors"][0]["path"] == "context_sequences"
    made = api.post("/api/contexts/", encode({"file": context(), "name": "x"}), content_type=MULTIPART_CONTENT)
    assert (made.status_code, body(made)["code"]) == (400, code)


# --- bare lines -----------------------------------------------------------------------------------

LAYOUTS = {"join": ["MKTAYIAKQRQISFVKSHFS"], "lines": ["MKTAYIAKQR", "QISFVKSHFS"]}


@pytest.mark.django_db
@pytest.mark.parametrize("layout", LAYOUTS)
def test_bare_lines_are_refused_with_offers_that_rest_takes(api, layout):
    refused = submit(api, BARE, "paste.txt")
    (problem,) = body(refused)["errors"]
    assert (refused.status_code, problem["code"], problem["line"]) == (400, "bare_lines", 2)
    offer = next(one for one in problem["offers"] if one["value"] == layout)
    assert offer["label"]
    assert submit(api, BARE, "paste.txt", **{offer["field"]: offer["value"]}).status_code == 202
    assert [sequence for _, sequence in stored()] == LAYOUTS[layout]
    estimate = api.post(
        "/api/estimate/",
        encode({"file": SimpleUploadedFile("x", BARE), "model": "e1-demo", "action": "encode", "layout": layout}),
        content_type=MULTIPART_CONTENT,
    )
    assert body(estimate)["items"] == len(LAYOUTS[layout])


@pytest.mark.django_db
def test_raw_bodies_and_extensions_take_the_layout_too(api):
    made = api.post("/api/jobs/?model=e1-demo&action=encode&layout=lines", BARE, content_type="text/x-fasta")
    assert made.status_code == 202
    longer = api.post(f"{body(made)['url']}extend/?layout=join", BARE, content_type="text/x-fasta")
    assert longer.status_code == 202
    assert [sequence for _, sequence in stored()] == [*LAYOUTS["lines"], *LAYOUTS["join"]]


@pytest.mark.django_db
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_form_of_the_page_takes_the_layout(browser, layout):
    assert "could be one sequence or several" in text_of(
        browser.post("/jobs/new/", {**FORM, "sequences": BARE.decode()})
    )
    assert browser.post("/jobs/new/", {**FORM, "sequences": BARE.decode(), "layout": layout}).status_code == 302
    assert [sequence for _, sequence in stored()] == LAYOUTS[layout]


@pytest.mark.django_db
def test_bare_lines_of_a_context_have_a_layout_of_their_own(api):
    answer = submit(api, b">a\nMKT\n", context=SimpleUploadedFile("x", BARE))
    (problem,) = body(answer)["errors"]
    assert (problem["code"], {offer["field"] for offer in problem["offers"]}) == ("bare_lines", {"context_layout"})
    again = submit(api, b">a\nMKT\n", context=SimpleUploadedFile("x", BARE), context_layout="lines")
    assert again.status_code == 202
    assert Item.objects.get().context.sequences == LAYOUTS["lines"]
    form = {"file": SimpleUploadedFile("x", BARE), "name": "x", "context_layout": "lines"}
    made = api.post("/api/contexts/", encode(form), content_type=MULTIPART_CONTENT)
    assert made.status_code == 201, made.content
    made = api.post("/api/contexts/?name=y&context_layout=join", BARE, content_type="text/x-fasta")
    assert body(made)["contexts"][0]["sequences"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["layout", "context_layout"])
def test_an_unknown_layout_is_refused(api, field):
    answer = submit(api, **{field: "sideways"})
    assert (answer.status_code, body(answer)["code"]) == (400, "bad_layout")
    assert body(answer)["errors"][0]["path"] == field


@pytest.mark.django_db
def test_the_layout_belongs_to_the_body_that_a_key_recognises(api):
    first = submit(api, BARE, "x", layout="join", headers={"Idempotency-Key": "k"})
    same = submit(api, BARE, "x", layout="join", headers={"Idempotency-Key": "k"})
    other = submit(api, BARE, "x", layout="lines", headers={"Idempotency-Key": "k"})
    assert body(same)["id"] == body(first)["id"]
    assert (other.status_code, body(other)["code"]) == (409, "idempotency_key_reused")


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def e1(live_server, person, token_of, monkeypatch, tmp_path):
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token_of(person))
    runner = CliRunner()
    return lambda *args: runner.invoke(app, list(map(str, args)), catch_exceptions=False)


def computed(file, tmp_path, **options):
    """Run the file without a server, and return what its results name."""
    out = tmp_path / "out.jsonl"
    run(
        file, action="log_prob", model=str(TINY), out=out, context=None, params={}, on_invalid="reject", name="",
        report=lambda *_: None, **options,
    )  # fmt: skip
    return [orjson.loads(line)["name"] for line in out.read_bytes().splitlines()]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_submit_and_run_read_the_same(e1, tmp_path):
    for name in READ:
        sent = e1("submit", CASES / name, "--action", "log_prob", "--model", "e1-demo")
        assert sent.exit_code == 0, (name, sent.stderr)
        assert stored() == READ[name]
        assert computed(CASES / name, tmp_path) == [one for one, _ in READ[name]]
        Job.objects.all().delete()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_submit_and_run_refuse_the_same(e1, tmp_path):
    for name, (code, words) in REFUSED.items():
        sent = e1("submit", CASES / name, "--action", "log_prob", "--model", "e1-demo")
        assert (sent.exit_code, words in sent.stderr) == (3, True), (name, sent.stderr)
        with pytest.raises(InvalidInput) as caught:
            computed(CASES / name, tmp_path)
        assert caught.value.code == code
        assert words in str(caught.value.as_dict())


@pytest.mark.django_db(transaction=True)
def test_submit_and_run_take_the_layout(e1, tmp_path):
    file = tmp_path / "paste.txt"
    file.write_bytes(BARE)
    refused = e1("submit", file, "--action", "log_prob", "--model", "e1-demo")
    assert (refused.exit_code, "layout: join or lines" in refused.stderr) == (3, True)
    for layout, sequences in LAYOUTS.items():
        sent = e1("submit", file, "--action", "log_prob", "--model", "e1-demo", "--layout", layout)
        assert sent.exit_code == 0, sent.stderr
        assert [sequence for _, sequence in stored()] == sequences
        assert len(computed(file, tmp_path, reading={"layout": layout})) == len(sequences)
        Job.objects.all().delete()


def test_run_says_what_was_changed(tmp_path):
    said = []
    file = tmp_path / "x.a3m"
    file.write_bytes((CASES / "hhsuite-structure-rows/dssp-pred.a3m").read_bytes())
    computed(file, tmp_path, warn=said.append)
    assert [problem.code for problem in said] == ["annotation_rows"]


def test_a_context_file_of_run_is_read_as_a_library_is(tmp_path):
    said, file = [], tmp_path / "a.fasta"
    file.write_text(f">a\n{PARENT}\n")
    run(
        file, action="log_prob", model=str(TINY), out=tmp_path / "out.jsonl", context=CASES / "clustal/clustalo.aln",
        params={}, on_invalid="reject", name="", report=lambda *_: None, warn=said.append,
    )  # fmt: skip
    assert [problem.code for problem in said] == ["gaps_removed"]
