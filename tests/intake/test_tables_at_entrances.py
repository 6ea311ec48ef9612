"""Tables as people have them, at every entrance: read alike, or refused with a remedy that works."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from jobs.models import Assay, Item, Job, JobColumn
from jobs.web.rest.bodies import WORKBOOK
from tests.factories import sent
from tests.helpers import body, client_of, submit, text_of, upload_columns
from tests.libraries import grouped
from tests.parsing.books import written
from worker.run_file import run

DATA = Path(__file__).parents[1] / "data"
CASES = DATA / "field-cases"
PARENT = "MKTAYIAKQRQISFVKSHFSRQ"

pytestmark = pytest.mark.django_db


def case(name: str) -> tuple[str, bytes]:
    return Path(name).name, (CASES / name).read_bytes()


TWO = [("a", "MKTAYIAKQR"), ("b", "MKTAYIAKQW")]
ONE = TWO[:1]
NAMES = [(name, "MKTAYIAKQR") for name in ("NA", "nan", "00123456789012345678", "1.0", "\u03b2-lactamase")]
NAMED = [["id", "sequence"], *map(list, NAMES)]
TITLED = [["Table S1"], [None, "name", "sequence"], [0, *TWO[0]], [1, *TWO[1]]]
UNIPROT = [("P00001", "MKTAYIAKQR"), ("P00002", "MKTAYIAKQW")]
INDEXED = b",name,sequence\n0,a,MKTAYIAKQR\n1,b,MKTAYIAKQW\n"
LIBRARIES = {
    # what it is: (file name, bytes, records, codes of warnings)
    "comma in a quoted header": (*case("comma-in-quoted-header/library.csv"), ONE, {"ignored_columns"}),
    "comma in a header": ("x.csv", b"name;sequence;rate (n=3, log2)\na;MKTAYIAKQR;0,5\n", ONE, {"ignored_columns"}),
    "sep line": (*case("excel-sep-line/library.csv"), TWO, set()),
    "UniProt": (*case("uniprot-table/uniprot.tsv"), UNIPROT, {"ignored_columns"}),
    "pandas": ("x.csv", INDEXED, TWO, {"unnamed_columns"}),
    "pandas, saved twice": ("x.csv", b"Unnamed: 0" + INDEXED, TWO, {"unnamed_columns"}),
    "R": ("x.csv", b'"","name","sequence"\n"1","a","MKTAYIAKQR"\n', ONE, {"unnamed_columns"}),
    "comments": ("x.csv", b"# made by hand\n\nname,sequence\na,MKTAYIAKQR\n# end\n", ONE, {"comment_lines"}),
    "a header behind #": ("x.tsv", b"#name\tsequence\na\tMKTAYIAKQR\n", ONE, set()),
    "titles": ("x.csv", b'"Table S1, proteins",\n,\nname,sequence\na,MKTAYIAKQR\n', ONE, {"lines_before_header"}),
    "UTF-16": ("x.txt", "name\tsequence\r\na\tMKTAYIAKQR\r\n".encode("utf-16"), ONE, {"text_encoding"}),
    "Windows-1252": ("x.csv", b"name;sequence\n\xe9;MKT\n", [("\u00e9", "MKT")], {"text_encoding"}),
    "names that read as missing": ("x.csv", "".join(f"{n};{s}\n" for n, s in NAMED).encode(), NAMES, set()),
    "packed": ("x.csv.gz", gzip.compress(b"name,sequence\na,MKTAYIAKQR\n", mtime=0), ONE, set()),
    "workbook": ("x.xlsx", written(NAMED), NAMES, set()),
    "workbook of several sheets": (
        *("x.xlsx", written(TITLED, Notes=[["x"]]), TWO),
        {"lines_before_header", "other_sheets", "unnamed_columns"},
    ),
    "workbook under another name": ("x.csv", written([["name", "sequence"], *TWO]), TWO, set()),
}
VARIANTS = {
    "comma in a quoted header": (*case("comma-in-quoted-header/assay.csv"), ["K2R", "T3S"]),
    "sep line": (*case("excel-sep-line/assay.csv"), ["K2R"]),
    "pandas": ("x.csv", b",mutant,DMS_score\n0,K2R,0.53\n", ["K2R"]),
    "decimal comma": ("x.csv", b"mutant;DMS_score\nK2R;0,53\n", ["K2R"]),
    "codes beside sequences": ("x.csv", f"name,sequence,hgvs_pro\nv1,{PARENT},p.Lys2Arg\n".encode(), ["v1"]),
    "workbook": ("x.xlsx", written([["mutant", "DMS_score"], ["K2R", 0.53]]), ["K2R"]),
}


class Entrances:
    """The entrances of a library. Each returns what was read: names, or records, and the codes of warnings."""

    def __init__(self, api, browser, folder: Path, action: str, **params) -> None:
        self.api, self.browser, self.folder, self.action, self.params = api, browser, folder, action, params

    def form(self, name, data):
        answer = submit(self.api, data, name, action=self.action, params=json.dumps(self.params))
        assert answer.status_code == 202, answer.content
        return stored(answer.json()["id"])

    def raw_body(self, name, data):
        query = {"model": "e1-demo", "action": self.action, "filename": name, "params": json.dumps(self.params)}
        kind = WORKBOOK if name.endswith(".xlsx") else "text/csv"
        answer = self.api.generic("POST", "/api/jobs/", data, kind, QUERY_STRING=urlencode(query))
        assert answer.status_code == 202, answer.content
        return stored(answer.json()["id"])

    def page(self, name, data):
        form = {"model": "e1-demo", "action": self.action, "on_invalid": "reject", "complete": "1", **self.params}
        answer = self.browser.post("/jobs/new/", {**form, "key": uuid4().hex, "file": SimpleUploadedFile(name, data)})
        assert answer.status_code == 302, text_of(answer)
        job = answer.url.rstrip("/").rpartition("/")[2]
        shown = text_of(self.browser.get(answer.url))
        assert all(one["message"] in shown for one in Job.objects.get(pk=job).warnings)
        return stored(job)

    def run(self, name, data):
        file, out, said = self.folder / name, self.folder / "out.jsonl", []
        file.write_bytes(data)
        model = str(DATA / "e1-random-tiny")
        more = {"context": None, "on_invalid": "reject", "name": "", "report": lambda *_: None, "warn": said.append}
        assert run(file, action=self.action, model=model, out=out, params=self.params, **more) == 0
        return [json.loads(line)["name"] for line in out.read_text().splitlines()], {one.code for one in said}


def stored(job):
    items = Item.objects.filter(job=job).order_by("index").values_list("name", "sequence")
    return list(items), {warning["code"] for warning in Job.objects.get(pk=job).warnings}


@pytest.mark.parametrize("entrance", ["form", "raw_body", "page", "run"])
def test_libraries_are_read_alike_at_every_entrance(api, browser, tmp_path, entrance):
    send = getattr(Entrances(api, browser, tmp_path, "log_prob"), entrance)
    wanted = {
        name: ([one for one, _ in records] if entrance == "run" else records, warnings)
        for name, (_, _, records, warnings) in LIBRARIES.items()
    }
    assert {name: send(file, data) for name, (file, data, *_) in LIBRARIES.items()} == wanted


@pytest.mark.parametrize("entrance", ["form", "raw_body", "page", "run"])
def test_variants_are_read_alike_at_every_entrance(api, browser, tmp_path, entrance):
    params = {"parent": PARENT, "method": "wildtype_marginal"}
    send = getattr(Entrances(api, browser, tmp_path, "score", **params), entrance)
    read = {name: send(file, data)[0] for name, (file, data, _) in VARIANTS.items()}
    names = {name: [one if entrance == "run" else one[0] for one in found] for name, found in read.items()}
    assert names == {name: wanted for name, (_, _, wanted) in VARIANTS.items()}


@pytest.fixture
def scores(api):
    """A job that is never computed: names map to its parent nevertheless."""
    return sent(api, "score", [{"variant": "K2R"}], parent=PARENT)


def assay_by_rest(api, browser, job, name, data, **fields):
    answer = api.post(f"{job['url']}assays/", {"file": SimpleUploadedFile(name, data), **fields})
    return answer.status_code == 201, answer.json().get("errors", ())


def assay_by_page(api, browser, job, name, data, **fields):
    answer = browser.post(f"/jobs/{job['id']}/assays/", {"file": SimpleUploadedFile(name, data), **fields})
    if answer.status_code == 302:
        shown = text_of(browser.get(answer.url))
        assert all(note["message"] in shown for note in Assay.objects.latest("id").notes)
    return answer.status_code == 302, text_of(answer)


BOTH = {"K2R": 0.53, "T3S": 0.7}
ASSAYS = {
    "comma in a quoted header": (*case("comma-in-quoted-header/assay.csv"), {"K2R": 0.53, "T3S": 1.2}, set()),
    "sep line": (*case("excel-sep-line/assay.csv"), {"K2R": 0.53}, set()),
    "pandas": ("x.csv", b",mutant,fitness\n0,K2R,0.53\n", {"K2R": 0.53}, {"unnamed_columns"}),
    "decimal comma": ("x.csv", b"mutant;rate\nK2R;0,53\nT3S;0,7\n", BOTH, {"decimal_commas"}),
    "decimal comma in quotes": ("x.csv", b'mutant,rate\nK2R,"0,53"\n', {"K2R": 0.53}, {"decimal_commas"}),
    "UTF-16": ("x.txt", "mutant\trate\nK2R\t0.5\n".encode("utf-16"), {"K2R": 0.5}, {"text_encoding"}),
    "workbook": ("x.xlsx", written([["mutant", "rate"], ["K2R", 0.53], ["T3S", "0,7"]]), BOTH, {"decimal_commas"}),
}


@pytest.mark.parametrize("send", [assay_by_rest, assay_by_page])
def test_measurements_are_read_alike_at_every_entrance(api, browser, scores, send):
    read = {}
    for name, (file, data, *_) in ASSAYS.items():
        taken, problems = send(api, browser, scores, file, data)
        assert taken, problems
        assay = Assay.objects.latest("id")
        values = memoryview(bytes(assay.data)).cast("d")
        read[name] = dict(zip(assay.names, values, strict=True)), {note["code"] for note in assay.notes}
    assert read == {name: (values, notes) for name, (_, _, values, notes) in ASSAYS.items()}


COLUMNS = {
    "decimal comma": (*case("decimal-comma/activity.csv"), [0.53, 0.11, 1.7]),
    "pandas": (*case("pandas-index/to_csv.csv"), [0.5, 0.1, None]),
    "comma in a quoted header": (*case("comma-in-quoted-header/columns.csv"), [0.5, 0.1, None]),
    "sep line": ("x.csv", b"sep=;\nEntry;activity\nNA;0,5\n", [0.5, None, None]),
    "packed": ("x.csv.gz", gzip.compress(b"name,activity\nNA,0.5\n", mtime=0), [0.5, None, None]),
    "workbook": ("x.xlsx", written([["id", "activity"], ["NA", 0.5], ["nan", "NA"]]), [0.5, None, None]),
}


def columns_by_form(lib, browser, name, data):
    file = SimpleUploadedFile(name, data)
    answer = client_of(lib.job.owner).post(f"/api/jobs/{lib.job.pk}/columns/", {"file": file}, format="multipart")
    assert answer.status_code == 201, answer.content


def columns_by_raw_body(lib, browser, name, data):
    kind = WORKBOOK if name.endswith(".xlsx") else "text/csv"
    answer = client_of(lib.job.owner).generic("POST", f"/api/jobs/{lib.job.pk}/columns/", data, kind)
    assert answer.status_code == 201, answer.content


def columns_by_page(lib, browser, name, data):
    form = {"do": "upload", "file": SimpleUploadedFile(name, data)}
    answer = browser.post(reverse("map-act", args=[lib.job.pk]), form)
    assert answer.status_code == 302, text_of(answer)


@pytest.mark.parametrize("send", [columns_by_form, columns_by_raw_body, columns_by_page])
def test_columns_are_read_alike_at_every_entrance(browser, send):
    lib = grouped(3, names=["NA", "nan", "\u03b2-lactamase"])
    browser.force_login(lib.job.owner)
    read = {}
    for name, (file, data, _) in COLUMNS.items():
        send(lib, browser, file, data)
        column = JobColumn.objects.get()
        values = memoryview(zlib.decompress(bytes(column.values))).cast("d")
        read[name] = [None if math.isnan(value) else value for value in values]
        column.delete()
    assert read == {name: values for name, (_, _, values) in COLUMNS.items()}


def test_the_table_of_uniprot_gives_columns():
    lib = grouped(2, names=["P00001", "P00002"])
    report = body(upload_columns(client_of(lib.job.owner), lib, case("uniprot-table/uniprot.tsv")[1]))
    assert (report["matching"]["column"], report["matching"]["matched_items"]) == ("Entry", 2)
    assert [one["name"] for one in report["columns"]] == ["Reviewed", "Entry Name", "Protein names", "Length"]


BOOK = written([["name", "sequence"], *TWO], name="Data", Other=[["name", "sequence"], ["c", "MKT"]])


def test_a_sheet_is_chosen_by_its_name(api, browser):
    answer = submit(api, BOOK, "x.xlsx", sheet="Other")
    assert stored(answer.json()["id"]) == ([("c", "MKT")], set())
    (problem,) = submit(api, BOOK, "x.xlsx", sheet="Third").json()["errors"]
    assert (problem["code"], problem["path"]) == ("no_such_sheet", "sheet")
    assert "Data, Other" in problem["message"]
    form = {"model": "e1-demo", "action": "log_prob", "on_invalid": "reject", "complete": "1", "key": "a"}
    refused = browser.post("/jobs/new/", {**form, "sheet": "Third", "file": SimpleUploadedFile("x.xlsx", BOOK)})
    assert "no sheet named Third" in text_of(refused)
    assert 'value="Third"' in refused.content.decode()
    done = browser.post("/jobs/new/", {**form, "sheet": "other", "file": SimpleUploadedFile("x.xlsx", BOOK)})
    assert done.status_code == 302
    assert Item.objects.filter(name="c").count() == 2


def test_the_same_workbook_with_another_sheet_is_another_request(api):
    key = {"headers": {"Idempotency-Key": "one"}}
    first = submit(api, BOOK, "x.xlsx", sheet="Data", **key)
    assert submit(api, BOOK, "x.xlsx", sheet="Data", **key).json()["id"] == first.json()["id"]
    assert submit(api, BOOK, "x.xlsx", sheet="Other", **key).status_code == 409


def test_a_sheet_of_measurements_or_columns_is_chosen_by_its_name(api, browser, scores):
    book = written([["x"]], Scores=[["mutant", "score"], ["K2R", 1]], Values=[["name", "activity"], ["protein0", 2]])
    taken, (problem,) = assay_by_rest(api, browser, scores, "x.xlsx", book)
    assert (taken, problem["code"]) == (False, "empty_file")
    assert "Scores, Values" in problem["remedy"]
    assert assay_by_rest(api, browser, scores, "x.xlsx", book, sheet="Scores")[0]
    refused, page = assay_by_page(api, browser, scores, "x.xlsx", book, sheet="Third")
    assert not refused
    assert "no sheet named Third" in page
    Assay.objects.all().delete()
    assert assay_by_page(api, browser, scores, "x.xlsx", book, sheet=" scores ")[0]
    lib = grouped(1)
    assert upload_columns(client_of(lib.job.owner), lib, book, sheet="Values").status_code == 201
