"""Uploaded columns: matching of rows to items, refusals, and access."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from jobs.maps import columns
from jobs.maps.column_files import name_key
from jobs.maps.columns import column_values
from jobs.models import JobColumn
from jobs.queue.lifecycle import job_delete
from tests.helpers import body, client_of, text_of, upload_columns
from tests.libraries import grouped

pytestmark = pytest.mark.django_db

NAMES = ["P1", "P2", "P2", "P3", "protein4"]


@pytest.fixture
def lib(db):
    return grouped(5, names=NAMES)


@pytest.fixture
def owner(lib):
    return client_of(lib.job.owner)


def values(client, column: dict) -> list:
    return body(client.get(column["url"]))["values"]


def test_the_mapping_of_names_is_explained(lib, owner):
    sent = upload_columns(
        owner, lib, "family;name;activity\nkinase;P1;1.5\nlyase;P2;NA\nkinase;P9;3\nother;P1;9\n;P3;-2e3\n"
    )
    assert sent.status_code == 201, body(sent)
    report = body(sent)
    assert report["matching"] == {
        "by": "name",
        "column": "name",
        "rows": 5,
        "matched_rows": 4,
        "items": 5,
        "matched_items": 4,
        "unmatched": {"count": 1, "examples": ["P9"]},
        "duplicated": {"count": 1, "examples": ["P1"]},
        "shared": {"count": 1, "examples": ["P2"]},
        "taken_as_words": [],
        "warnings": [],
    }
    family, activity = report["columns"]
    assert (family["kind"], family["categories"], family["filled"]) == ("categorical", ["kinase", "lyase"], 3)
    assert (activity["kind"], activity["filled"]) == ("numeric", 2)
    assert values(owner, family) == [0, 1, 1, None, None]
    assert values(owner, activity) == [1.5, None, None, -2000, None]
    listed = body(owner.get(f"/api/jobs/{lib.job.pk}/columns/"))["results"]
    assert [one["name"] for one in listed] == ["family", "activity"]


def test_indices_raw_bodies_and_kinds(lib, owner):
    sent = owner.generic(
        "POST",
        f'/api/jobs/{lib.job.pk}/columns/?kinds={{"class":"categorical"}}',
        "\ufeffIndex\tclass\tname\n4\t1\tx\n0\t2\ty\n7\t3\tz\n".encode(),
        "text/csv",
    )
    report = body(sent)
    assert report["matching"]["by"] == "index"
    assert report["matching"]["unmatched"] == {"count": 1, "examples": ["7"]}
    assert report["columns"][0]["categories"] == ["1", "2"]
    assert values(owner, report["columns"][0]) == [1, None, None, None, 0]


def test_a_column_of_numbers_with_a_word_says_why_it_is_taken_as_words(lib, owner):
    text = "name,activity,family\nP1,1,a\nP3,x,b\nP2,y,b\n"
    report = body(upload_columns(owner, lib, text))
    assert report["columns"][0]["kind"] == "categorical"
    assert report["matching"]["taken_as_words"] == [{"column": "activity", "because": "x", "line": 3}]
    chosen = body(upload_columns(owner, lib, text, kinds='{"activity": "categorical"}'))
    assert chosen["matching"]["taken_as_words"] == [], "whoever says so knows"


def test_a_column_of_the_same_name_is_replaced_and_one_can_be_removed(lib, owner):
    upload_columns(owner, lib, "name,a,b\nP1,1,x\n")
    (column,) = body(upload_columns(owner, lib, "name,a\nP3,z\n"))["columns"]
    assert sorted(JobColumn.objects.values_list("name", "kind")) == [("a", "categorical"), ("b", "categorical")]
    assert column_values(JobColumn.objects.get(name="a")).tolist() == [-1, -1, -1, 0, -1]
    assert owner.delete(column["url"]).status_code == 204
    assert owner.get(column["url"]).status_code == 404
    job_delete(job_id=lib.job.pk)
    assert not JobColumn.objects.exists()


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "empty_file", None),
        ("class,value\n1,2\n", "missing_column", 1),
        ("name\nP1\n", "no_values", 1),
        ("name,a,a\nP1,1,2\n", "duplicate_column", 1),
        ("name,a\nP1,1,2\n", "wrong_field_count", 2),
        ('name,a\nP1,"1\n', "bad_csv", 2),
        ("index,a\nP1,1\n", "bad_index", 2),
        ("name,a\n", "no_rows", None),
        ("name,a\nQ1,1\nQ2,1\n", "nothing_matches", None),
        (b"name,a\nP1,\x81\n", "invalid_utf8", 2),
        ("name," + ",".join(f"c{n}" for n in range(51)) + "\n", "too_many_columns", 1),
        ("name,a\nP1,1\n" + "," * (1 << 20), "row_too_long", 3),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_remedy(lib, owner, text, code, line):
    refused = upload_columns(owner, lib, text)
    (problem,) = body(refused)["errors"]
    assert (refused.status_code, problem["code"], problem.get("line")) == (400, code, line)
    assert problem["remedy"]
    assert not JobColumn.objects.exists()


def test_names_that_do_not_match_are_shown_beside_the_jobs_own(lib, owner):
    detail = body(upload_columns(owner, lib, "name,a\nsp|P1,1\n"))["detail"]
    assert "sp|P1" in detail
    assert "P1, P2, P2" in detail


def test_wrong_kinds_and_too_many_categories(lib, owner):
    text = "name,a\nP1,x\n"
    for kinds in ("[]", "{", '{"b": "numeric"}', '{"a": "words"}'):
        assert body(upload_columns(owner, lib, text, kinds=kinds))["code"] == "bad_kinds"
    assert body(upload_columns(owner, lib, text, kinds='{"a": "numeric"}'))["code"] == "not_a_number"
    many = grouped(501)
    rows = "".join(f"{n},text {n}\n" for n in range(501))
    assert body(upload_columns(client_of(many.job.owner), many, f"index,a\n{rows}"))["code"] == "too_many_categories"


def test_a_file_beyond_the_limit_is_refused(lib, owner, monkeypatch):
    monkeypatch.setattr("jobs.maps.api_columns.MAX_COLUMNS_FILE", 10)
    assert upload_columns(owner, lib, "name,a\nP1,1\n").status_code == 413


def test_a_file_of_too_many_rows_is_refused(lib, owner, monkeypatch):
    monkeypatch.setattr("jobs.maps.column_files.MAX_ROWS", 3)
    # A job of more items takes twice as many rows as it has items.
    most = max(3, 2 * lib.job.total_items)
    assert upload_columns(owner, lib, "name,a\nP1,1\n" + "x,1\n" * (most - 1)).status_code == 201
    answer = upload_columns(owner, lib, "name,a\nP1,1\n" + "x,1\n" * most)
    assert (answer.status_code, body(answer)["code"]) == (413, "too_many_rows")


def test_other_people_neither_see_nor_change_them(lib, owner, stranger):
    (column,) = body(upload_columns(owner, lib, "name,a\nP1,1\n"))["columns"]
    theirs = client_of(stranger)
    assert upload_columns(theirs, lib, "name,a\nP1,2\n").status_code == 404
    assert theirs.get(f"/api/jobs/{lib.job.pk}/columns/").status_code == 404
    assert theirs.get(column["url"]).status_code == 404
    assert theirs.delete(column["url"]).status_code == 404
    assert np.isclose(column_values(JobColumn.objects.get())[0], 1)


def test_long_names_are_held_and_found_by_their_digest(lib):
    long = "L" * 4000
    names = ["x" * 64, "x" * 65, f"{long}1", f"{long}2", "é" * 65, "p"]
    lib = grouped(6, names=names)
    held = columns._names(lib.job)
    assert held == [name_key(name) for name in names], "Postgres does it as Python does"
    assert max(map(len, held)) < 120
    sent = upload_columns(client_of(lib.job.owner), lib, f"name,a\n{long}2,5\n{'é' * 65},6\n{'x' * 64},7\n")
    (column,) = body(sent)["columns"]
    assert values(client_of(lib.job.owner), column) == [7, None, None, 5, 6, None]
    refused = body(upload_columns(client_of(lib.job.owner), lib, "name,a\nq,5\n"))
    assert refused["code"] == "nothing_matches"
    assert len(refused["detail"]) < 700


def test_rows_that_cannot_be_read_are_skipped_on_request(lib, owner):
    text = "name,activity\nP1,1\nP2,2\x02\nP3,3\n"
    refused = body(upload_columns(owner, lib, text))
    assert [(one["code"], one["line"]) for one in refused["errors"]] == [("control_character", 3)]
    report = body(upload_columns(owner, lib, text, on_invalid="skip"))["matching"]
    assert (report["matched_rows"], report["warnings"][0]["code"]) == (2, "bad_rows")
    assert body(upload_columns(owner, lib, text, on_invalid="drop"))["code"] == "bad_on_invalid"


def test_the_box_of_the_page_leaves_out_rows_that_cannot_be_read(lib, browser):
    browser.force_login(lib.job.owner)
    act, text = reverse("map-act", args=[lib.job.pk]), b"name,activity\nP1,1\nP2,2\x02\nP3,3\n"

    def upload(**fields):
        form = {"do": "upload", "file": SimpleUploadedFile("x.csv", text), **fields}
        return browser.post(act, form, follow=True)

    assert "control character" in text_of(upload())
    assert not JobColumn.objects.exists()
    page = browser.get(reverse("map-page", args=[lib.job.pk])).content.decode()
    field, value = re.search(r'type="checkbox"[^>]*name="(on_invalid)" value="(\w+)"', page).groups()
    assert "1 of 3 rows cannot be read and is left out" in text_of(upload(**{field: value}))
    assert JobColumn.objects.count() == 1
