"""The page for a new job as the server renders it, for browsers with and without scripts."""

from __future__ import annotations

import gzip
import json
import re
from html import unescape
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from e1protocol import INCLUDES, MODELS
from jobs.actions import ACTIONS
from jobs.actions.dtypes import TYPES
from jobs.actions.predict import ROWS
from jobs.errors import InvalidInput
from jobs.models import Item, Job
from jobs.pages.new_job import page as new
from jobs.pages.new_job.form import PARAMS
from jobs.parsing import Reader, Record
from jobs.science.variants.ranges import positions_of_text
from jobs.templatetags.problems import PLACES
from tests.helpers import body, submit, text_of

pytestmark = pytest.mark.django_db

FASTA = b">a first\nMKTAYIAKQR\n>b\nACDE\n"
FORM = {
    "model": "e1-demo",
    "action": "encode",
    "include": ["mean"],
    "repr_layers": "-1",
    "rows": "all",
    "on_invalid": "reject",
    "name": "",
    "sequences": "",
    "context_text": "",
    "key": "form-one",
    "complete": "1",
}


def send(browser: Client, data: bytes | None = FASTA, *, filename: str = "mine.fasta", fetch: bool = False, **fields):
    """Post the form as a browser does; a field given as None is left out."""
    form = {name: value for name, value in {**FORM, **fields}.items() if value is not None}
    if data is not None:
        form["file"] = SimpleUploadedFile(filename, data)
    headers = {"X-Requested-With": "fetch"} if fetch else {}
    return browser.post("/jobs/new/", form, headers=headers)


def problem(answer, place: str) -> str:
    """Return the text at a place of the form."""
    slot = re.search(rf'id="problem-{place}" data-slot>(.*?)</div>', answer.content.decode(), re.S)
    return unescape(re.sub(r"<[^>]+>", " ", slot[1])).strip()


def test_a_file_becomes_a_job_and_the_browser_goes_to_it(browser):
    answer = send(browser)
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{job.pk}/")
    assert (job.name, job.model, job.action, job.total_items) == (
        "mine.fasta embeddings, 2 sequences",
        "e1-demo",
        "encode",
        2,
    )
    assert job.params == {"include": ["mean"], "repr_layers": [6], "dtype": "float32"}
    assert job.state == "queued"


@pytest.mark.parametrize("action", ["encode", "predict"])
def test_float16_is_chosen_on_the_page_shown_with_the_job_and_kept_when_it_is_run_again(browser, action):
    send(browser, b">a\nMK?\n" if action == "predict" else FASTA, action=action, dtype="float16")
    job = Job.objects.get()
    assert job.params["dtype"] == "float16"
    page = browser.get(f"/jobs/{job.pk}/").content.decode()
    assert "<dt>dtype</dt><dd>float16</dd>" in page
    assert "--param dtype=float16" in page
    again = browser.get(f"/jobs/new/?from={job.pk}").content.decode()
    assert 'value="float16" checked' in again
    assert 'value="float32" checked' not in again
    assert 'value="float32" checked' in browser.get("/jobs/new/").content.decode()


def test_the_choice_of_numbers_does_not_reach_an_action_that_has_none(browser):
    assert send(browser, action="log_prob", dtype="float16").status_code == 302
    assert Job.objects.get().params == {}


def test_a_script_gets_the_address_instead(browser):
    answer = send(browser, fetch=True, name="mine")
    job = Job.objects.get(name="mine")
    assert (answer.status_code, answer.json()) == (201, {"url": f"/jobs/{job.pk}/"})


def test_sending_the_same_form_twice_makes_one_job(browser):
    assert send(browser)["Location"] == send(browser)["Location"]
    assert Job.objects.count() == 1


def test_a_form_that_was_sent_with_other_contents_gets_a_new_key_and_goes_through(browser):
    send(browser)
    refused = send(browser, b">c\nMKT\n")
    assert refused.status_code == 409
    key = re.search(r'name="key" value="([^"]+)"', refused.content.decode())[1]
    assert key != FORM["key"]
    assert send(browser, b">c\nMKT\n", key=key).status_code == 302


@pytest.mark.parametrize(
    ("data", "filename"),
    [
        (gzip.compress(FASTA, mtime=0), "mine.fasta.gz"),
        (b"name,sequence\na,MKTAYIAKQR\nb,ACDE\n", "mine.csv"),
        (b'{"name": "a", "sequence": "MKTAYIAKQR"}\n{"name": "b", "sequence": "ACDE"}\n', "mine.jsonl"),
    ],
)
def test_every_format_is_taken(browser, data, filename):
    assert send(browser, data, filename=filename).status_code == 302
    assert list(Item.objects.order_by("index").values_list("name", "sequence")) == [("a", "MKTAYIAKQR"), ("b", "ACDE")]


def test_pasted_sequences_and_contexts_are_taken(browser):
    sent = send(browser, None, sequences=">a\r\nMK?\r\n", context_text=">h\r\nMKT\r\n", action="predict", rows="masked")
    assert sent.status_code == 302
    job = Job.objects.get()
    assert (job.name, job.params) == ("a predictions, 3 aa", {"rows": "masked", "dtype": "float32"})
    assert Item.objects.get().context.sequences == ["MKT"]


def test_faulty_records_are_listed_with_line_column_and_remedy_and_nothing_is_queued(browser):
    answer = send(browser, b">a\nMKT\n>broken\nMKT\nM1-\n", fetch=True)
    said = text_of(answer)
    assert answer.status_code == 400
    assert "nothing was queued" in said
    assert "1 of 2 records is not valid" in said
    assert re.search(r"5 2 broken The character '1' is not accepted", said)
    assert re.search(r"5 3 broken The character '-' is not accepted", said)
    assert "Remove the gaps" in said
    assert not Job.objects.exists()
    assert send(browser, b">a\nMKT\n>broken\nMKT\nMA\n").status_code == 302, "the key is free again"


def test_many_faults_are_counted_shown_in_part_and_unfold(browser, monkeypatch):
    from jobs.parsing import tally

    monkeypatch.setattr(tally, "LISTED_PROBLEMS", 80)
    answer = send(browser, b"".join(b">p%d\nMK1\n" % n for n in range(100)))
    said = text_of(answer)
    assert "100 of 100 records are not valid" in said
    assert "30 more" in said
    assert "And 20 more, which are not listed" in said


def test_invalid_records_can_be_skipped(browser):
    assert send(browser, b">a\nMKT\n>b\nM1\n", on_invalid="skip").status_code == 302
    assert Job.objects.get().skipped_items == 1


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"model": "e9"}, "model", "no model 'e9'"),
        ({"action": "guess"}, "action", "no action 'guess'"),
        ({"repr_layers": "last"}, "repr_layers", "Give whole numbers"),
        ({"repr_layers": "7"}, "repr_layers", "layer 7 is outside"),
        ({"repr_layers": ""}, "repr_layers", "not a list of layers"),
        ({"include": None}, "include", "not a list"),
        ({"action": "predict", "rows": "some"}, "rows", "Choose all"),
        ({"dtype": "int8"}, "dtype", "Choose from float32, float16"),
        ({"action": "predict", "dtype": ""}, "dtype", "Dtype is ''"),
        ({"on_invalid": "hide"}, "on_invalid", "Choose reject or skip"),
        ({"name": "x" * 201}, "name", "200"),
        ({"context_text": ">h\nMK1\n"}, "context", "Line 2, column 3"),
        ({"context_text": '["MKT", "MK-"]'}, "context", "Context sequence 2: the character '-'"),
        ({"context_text": ">h\nMKT\n", "context_set": "mine"}, "context", "and a stored context set"),
        ({"context_text": "\n>h\n"}, "context", "no residues"),
        ({"sequences": ">a\nMKT\n"}, "file", "a file and pasted sequences"),
        ({"complete": None}, "file", "broke off"),
    ],
)
def test_each_error_stands_beside_what_it_is_about(browser, fields, place, words):
    answer = send(browser, **fields)
    assert answer.status_code == 400
    assert words in problem(answer, place)
    assert 'role="alert"' in answer.content.decode()
    assert f'href="#place-{place}"' in answer.content.decode()
    assert f'id="place-{place}"' in answer.content.decode()
    assert not Job.objects.exists()


def test_what_was_typed_stays_after_an_error(browser):
    answer = send(
        browser,
        None,
        sequences=">a\nMK1\n",
        context_text=">h\nMKT\n",
        name="my <name>",
        include=["logits"],
        repr_layers="2, 3",
        on_invalid="reject",
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "&gt;a\nMK1" in page
    assert "&gt;h\nMKT" in page
    assert 'value="my &lt;name&gt;"' in page
    assert 'value="2, 3"' in page
    assert 'value="logits" checked' in page
    assert 'value="mean" checked' not in page


@pytest.mark.parametrize(
    ("data", "filename", "words"),
    [
        (b"", "empty.fasta", "no records"),
        (b"\x89PNG\r\n\x1a\n", "a.png", "PNG image"),
        (b"hello, world\n", "a.txt", "format"),
        (b"hello, world\n", "a.fasta", "FASTA begins with"),
        (gzip.compress(FASTA, mtime=0)[:-9], "a.fasta.gz", "ends too early"),
    ],
)
def test_a_file_that_is_no_library_is_refused_in_words(browser, data, filename, words):
    answer = send(browser, data, filename=filename)
    assert answer.status_code == 400
    assert words in text_of(answer)


@pytest.mark.parametrize("rows", [3, 80])
def test_a_refused_library_has_its_wrong_letters_marked(browser, rows):
    data = b"".join(b">r%d\nMKTAYIAKQRQISFVK1HFSRQDEEL\n" % at for at in range(rows)) + b">last\nmk<t\n"
    page = send(browser, data).content.decode()
    marked = re.findall(r'<span class="sequence">([^<]*)<mark>([^<]*)</mark>([^<]*)</span>', page)
    assert marked == [("AKQRQISFVK", "1", "HFSRQDEEL")] * rows + [("MK", "&lt;", "T")]


def test_problems_of_rest_have_no_marks_of_pages(api):
    (problem,) = body(submit(api, b">a\nMK1\n"))["errors"]
    assert "near" not in problem


def test_nothing_chosen_is_said(browser):
    assert "no sequences yet" in problem(send(browser, None), "file")


def test_without_a_session_a_script_is_told_and_a_person_is_led_to_the_login(person):
    assert send(Client(), fetch=True).status_code == 401
    assert send(Client())["Location"].startswith("/login/")


@pytest.mark.parametrize("action", ["encode", "predict", "log_prob"])  # those of variants: test_variant_pages
def test_the_examples_are_real_libraries_for_their_action(browser, action, inline_worker):
    page = browser.get(f"/jobs/new/?example={action}").content.decode()
    assert f'<option value="{action}" selected>' in page
    records = list(Reader([ACTIONS[action].example.encode()], "fasta", ACTIONS[action].rules(MODELS["e1-demo"])))
    assert len(records) >= 2
    assert all(isinstance(record, Record) for record in records)
    assert send(browser, None, sequences=ACTIONS[action].example, action=action).status_code == 302
    inline_worker()
    assert Job.objects.get().state == "succeeded"


def test_a_job_runs_again_with_changes_on_the_same_library(api, browser):
    first = body(
        submit(
            api,
            b'{"name": "a", "sequence": "MKT", "context_sequences": ["MKV"]}\n{"name": "b", "sequence": "ACX"}\n'
            b'{"name": "bad", "sequence": "A1"}\n',
            filename="mine.jsonl",
            on_invalid="skip",
            action="encode",
            params=json.dumps({"include": ["logits"], "repr_layers": [2]}),
            name="first",
        )
    )
    page = browser.get(f"/jobs/new/?from={first['id']}").content.decode()
    assert "Reusing 2 sequences from" in text_of(browser.get(f"/jobs/new/?from={first['id']}"))
    assert "1 skipped record" in page
    assert 'value="first again"' in page
    assert 'value="logits" checked' in page
    again = {"from": first["id"], "keep_contexts": "1", "name": "second"}
    assert send(browser, None, key="k2", **again).status_code == 302
    second = Job.objects.get(name="second")
    kept = list(Item.objects.filter(job=second).order_by("index").values_list("name", "sequence", "line"))
    assert kept == [("a", "MKT", 1), ("b", "ACX", 2)]
    assert Item.objects.get(job=second, index=0).context.sequences == ["MKV"]
    shared = {"from": first["id"], "name": "third", "context_text": ">h\nMKA\n"}
    assert send(browser, None, key="k3", **shared).status_code == 302
    assert {item.context.sequences[0] for item in Item.objects.filter(job__name="third")} == {"MKA"}
    refused = send(browser, None, key="k4", **{**again, "action": "log_prob"})
    assert refused.status_code == 400
    assert "The character 'X' at position 3 is not accepted" in text_of(refused), "the new action's rules hold"


def test_nobody_uses_the_library_of_somebody_else(api, browser, stranger, token_of):
    api.credentials(HTTP_AUTHORIZATION=f"Token {token_of(stranger)}")
    job = body(submit(api))
    assert browser.get(f"/jobs/new/?from={job['id']}").status_code == 404
    assert send(browser, None, **{"from": job["id"]}).status_code == 404
    assert browser.get("/jobs/new/?from=nonsense").status_code == 404


def test_a_paste_that_is_too_large_for_a_field_is_refused_without_a_trace(browser, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = send(browser, None, sequences=">a\n" + "A" * 2000)
    assert answer.status_code == 400
    assert not Job.objects.exists()


def test_the_page_knows_every_choice_that_the_service_has():
    assert set(new.OUTPUTS) == set(INCLUDES)
    assert set(new.ROW_CHOICES) == set(ROWS)
    assert set(new.DTYPE_CHOICES) == set(TYPES)
    assert set(PLACES) == set(new.FIELDS)


def test_the_number_of_positions_is_bounded_before_they_are_held():
    assert positions_of_text("24-, 56\N{EN DASH}58") == [24, 56, 57, 58]
    for text in ("1-9000", "1-8000 " * 3, "1-\N{SUPERSCRIPT TWO}", "7-3"):
        with pytest.raises(InvalidInput) as caught:
            positions_of_text(text)
        assert caught.value.code == "bad_positions"


CASES = Path(__file__).parents[1] / "data" / "field-cases"
LIBRARIES = sorted(path for path in CASES.glob("*/*") if path.suffix not in (".pdb", ".cif"))


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_preview_of_the_service_and_the_job_agree(browser, path):
    """The preview counts the records that the job then has, and refuses what the job refuses."""
    looked = send_to(browser, "/jobs/new/cost/", path, on_invalid="skip").json()
    answer = send_to(browser, "/jobs/new/", path, on_invalid="skip")
    library = looked["library"]
    if library["broken"] or not library["good"]:
        assert answer.status_code == 400
        assert looked["faults"]
        return
    job = Job.objects.get()
    items = Item.objects.filter(job=job)
    assert items.count() == library["records"]
    assert items.filter(chunk__isnull=False).count() == library["good"] == looked["items"]
    assert sum(length * many for length, many in library["lengths"]) == library["residues"]
    assert len(library["badOnes"]) == library["badRecords"]


def send_to(browser: Client, address: str, path: Path, **fields):
    form = {**FORM, **fields, "file": SimpleUploadedFile(path.name, path.read_bytes())}
    return browser.post(address, form, headers={"X-Requested-With": "fetch"})


def test_the_preview_lists_faults_bad_records_and_ways_out(browser):
    path = "/jobs/new/cost/"
    data = b"name,sequence,note\na,MKT,x\nb,MK1T,y\n"
    library = browser.post(path, {**FORM, "file": SimpleUploadedFile("a.csv", data)}).json()["library"]
    assert (library["records"], library["good"], library["faultCount"]) == (2, 1, 1)
    (fault,), (bad,) = library["faults"], library["badOnes"]
    assert (fault["code"], fault["line"], fault["record"], fault["character"]) == ("bad_letter", 3, "b", "1")
    assert fault["near"] == ["MK", "1", "T"]
    assert fault["what"].startswith("the character '1' at position 3 is not accepted")
    assert (bad["line"], bad["header"], bad["sequence"]) == (3, "b", "MK1T")
    late = SimpleUploadedFile("late.fasta", b">b\nMKT\n\nM1T\n>c\nM T\nM!\n")
    library = browser.post(path, {**FORM, "file": late}).json()["library"]
    assert [one["line"] for one in library["faults"]] == [one["line"] for one in library["badOnes"]]
    library = browser.post(path, {**FORM, "sequences": "MKTAYIAK\nQRQISFVK\n"}).json()["library"]
    assert library["broken"].startswith("Line 2: without names")
    assert [offer["value"] for offer in library["offers"]] == ["join", "lines"]


def test_every_parameter_has_a_field(browser):
    """The form ignores a parameter that it does not know, so one that is forgotten would keep its default silently."""
    apart = {"positions": "positions", "offset": "offset", "numbering": "labels"}
    names = {name for action in ACTIONS.values() for name in action.param_names}
    shown = browser.get("/jobs/new/").content.decode()
    assert [name for name in sorted(names) if f'name="{apart.get(name, name)}"' not in shown] == []
    assert names - set(apart) - {"precision"} <= set(PARAMS)
