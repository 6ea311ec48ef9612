"""The bad records of a job as a file: mended and sent again, nothing is lost and nothing is cut silently."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest

from tests.factories import SHORT
from tests.helpers import body, submit, submit_items, text_of

pytestmark = pytest.mark.django_db

FILE = b">good\nMKTAYIAKQR\n>gaps Homo sapiens\nMKT\nAY-I\n>digits\nMK1\n>\xce\xb2 greek\nMKT!\n"


@pytest.fixture
def skipped(api):
    return body(submit(api, FILE, action="log_prob", on_invalid="skip"))


def download(api, job, format: str, **query):
    answer = api.get(f"/api/jobs/{job['id']}/bad-records/", {"format": format, **query})
    assert answer.status_code == 200, answer.content
    return answer, b"".join(answer.streaming_content).decode()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_fasta_has_headers_sequences_and_reasons(api, skipped):
    answer, text = download(api, skipped, "fasta")
    headers, sequences = text.splitlines()[::2], text.splitlines()[1::2]
    assert sequences == ["MKTAY-I", "MK1", "MKT!"]
    assert [header.split(" [")[0] for header in headers] == [">gaps Homo sapiens", ">digits", ">β greek"]
    assert headers[0].endswith("]")
    assert " [bad_letter: line 5, column 3, record gaps: " in headers[0]
    assert answer["Content-Type"] == "text/x-fasta; charset=utf-8"
    assert 'filename="library-log_prob-bad-records.fasta"' in answer["Content-Disposition"]


def test_csv_has_the_reasons_in_columns(api, skipped):
    _, text = download(api, skipped, "csv", bom="true")
    assert text.startswith("\ufeffname,sequence,line,code,reason,remedy\n")
    rows = table(text.removeprefix("\ufeff"))
    assert [(row["name"], row["sequence"], row["line"], row["code"]) for row in rows] == [
        ("gaps", "MKTAY-I", "5", "bad_letter"),
        ("digits", "MK1", "7", "bad_letter"),
        ("β", "MKT!", "9", "bad_letter"),
    ]
    assert all(row["reason"] and row["remedy"] for row in rows)


@pytest.mark.parametrize("format", ["fasta", "csv"])
def test_mended_records_are_taken(api, skipped, format):
    _, text = download(api, skipped, format)
    mended = text.replace("-I\n", "I\n").replace("-I,", "I,").replace("MK1", "MK").replace("MKT!", "MKT")
    again = submit(api, mended.encode(), f"mended.{format}", action="log_prob")
    assert again.status_code == 202, again.content
    job = body(again)
    assert job["counts"]["total"] == 3
    items = body(api.get(job["links"]["items"]))["results"]
    assert [item["name"] for item in items] == ["gaps", "digits", "β"]


@pytest.mark.parametrize("format", ["fasta", "csv"])
def test_a_sequence_that_is_too_long_never_comes_back_cut(api, format):
    long = b">good\nMKT\n>long\n" + b"MKTAY" * 500 + b"\n>long2\n" + b"MKTAY" * 500 + b"!\n"
    job = body(submit(api, long, action="log_prob", on_invalid="skip"))
    _, text = download(api, job, format)
    assert "MKTAY" not in text
    assert text.count("the sequence was not kept whole, so it is left out here") == 2
    again = submit(api, text.encode(), f"again.{format}", action="log_prob")
    assert again.status_code == 400
    assert {one["code"] for one in body(again)["errors"]} == {"empty_sequence"}


def test_variants_come_as_a_table(api):
    items = [{"variant": "M1A"}, {"variant": "W1A", "name": "=1"}]
    job = body(submit_items(api, items, "score", params={"parent": SHORT}, on_invalid="skip"))
    (row,) = table(download(api, job, "csv")[1])
    assert (row["name"], row["variant"], row["code"]) == ("'=1", "W1A", "wrong_wild_type")
    refused = api.get(f"/api/jobs/{job['id']}/bad-records/")
    assert (refused.status_code, body(refused)["code"]) == (400, "unknown_format")


def test_a_long_header_stays_whole_and_no_line_is_added(api):
    header = "p" + "x" * 4090
    job = body(submit(api, f">ok\nMKT\n>{header}\nMK1\n".encode(), action="log_prob", on_invalid="skip"))
    text = download(api, job, "fasta")[1]
    assert text.splitlines()[0][: len(header) + 1] == f">{header}"
    assert len(text.splitlines()) == 2
    assert submit(api, text.replace("MK1", "MK").encode(), action="log_prob").status_code == 202


def test_the_page_offers_them_and_every_page_gives_the_same_line(api, browser, skipped):
    html = browser.get(skipped["links"]["page"]).content.decode()
    for key, start in (("bad-fasta", b">gaps"), ("bad-csv", b"\xef\xbb\xbfname,sequence")):
        address = unescape(re.search(rf'id="{key}" href="([^"]+)"', html)[1])
        assert b"".join(browser.get(address).streaming_content).startswith(start)
    assert "download 3 bad records:" in text_of(browser.get(skipped["links"]["page"]))
    for index, line in ((1, 5), (2, 7), (3, 9)):
        assert f"line {line} of the input" in text_of(browser.get(f"/jobs/{skipped['id']}/items/{index}/"))
    rows = re.findall(r'data-label="Line">(\d+)<', browser.get(f"/jobs/{skipped['id']}/items/").content.decode())
    assert rows == ["1", "5", "7", "9"]
    assert re.findall(r'data-label="Line">(\d+)<', html) == ["5", "7", "9"]


def test_nobody_else_gets_them(other_api, skipped):
    assert other_api.get(f"/api/jobs/{skipped['id']}/bad-records/").status_code == 404


def test_a_job_without_bad_records_has_an_empty_file(api):
    job = body(submit(api, b">a\nMKT\n", action="log_prob"))
    assert download(api, job, "fasta")[1] == ""


def test_names_that_repeat_are_mentioned(api, browser):
    job = body(submit(api, b">NA one\nMKT\n>HA\nMKTA\n>NA two\nMKTAY\n>NA\nMK\n>\nMKTT\n>\nMKTTT\n", action="log_prob"))
    (warning,) = [one for one in job["warnings"] if one["code"] == "duplicate_names"]
    assert warning["message"] == "2 of 6 records are called like an earlier one (first: NA, line 5)"
    assert "called like an earlier one" in text_of(browser.get(job["links"]["page"]))
    other = body(submit(api, b">a\nMKT\n>A\nMKTA\n", action="log_prob"))
    assert other["warnings"] == []
