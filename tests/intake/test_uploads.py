"""Uploads that are too large, too many at once, too slow, or hostile in names and headers."""

from __future__ import annotations

import csv
import gzip
import io
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test import Client as DjangoClient

from jobs.errors import InvalidInput, TooLarge, TooManyRequests
from jobs.limits import MAX_UPLOAD_BODY, SMALL_FORM
from jobs.models import Job
from jobs.parsing import upload as parsing
from jobs.web.places import UPLOADS
from tests.helpers import FASTA, body, lines, submit

ROOT = Path(__file__).parents[2]


# --- how many at once ------------------------------------------------------------------------------------------------


def test_places_are_counted_by_user_and_given_back(settings):
    settings.E1_UPLOADS, settings.E1_USER_UPLOADS = 3, 2
    with UPLOADS.place(1), UPLOADS.place(1):
        with pytest.raises(TooManyRequests, match="you have 2 uploads"), UPLOADS.place(1):
            pass
        with UPLOADS.place(2), pytest.raises(TooManyRequests, match="3 uploads are"), UPLOADS.place(3):
            pass
    with pytest.raises(ZeroDivisionError), UPLOADS.place(1):
        raise ZeroDivisionError
    assert not UPLOADS._taken


@pytest.mark.django_db
def test_one_upload_too_many_waits(api, person, browser, settings):
    settings.E1_USER_UPLOADS = 1
    form = {"file": SimpleUploadedFile("a.fasta", FASTA * 4000), "model": "e1-demo", "complete": "1"}
    with UPLOADS.place(person.pk):
        response = submit(api)
        assert (response.status_code, body(response)["code"], response["Retry-After"]) == (429, "too_many_uploads", "5")
        page = browser.post("/jobs/new/", form)
        assert (page.status_code, page["Retry-After"]) == (429, "5")
        assert api.get("/api/jobs/").status_code == 200, "only uploads wait"
    assert not Job.objects.exists()
    assert submit(api).status_code == 202


class Unreadable:
    """A body of 300,000 bytes that fails when it is read."""

    def read(self, *args):
        raise AssertionError("it was read")

    readline = read


def post_unreadable(client: Client, path: str, media_type: str, **headers: str):
    environ = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": "300000", **headers}
    return client.generic("POST", path, b"", media_type, **environ)


@pytest.mark.django_db
@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_session_takes_a_place_before_its_token_is_looked_for_in_the_form(browser, person, settings, media_type):
    settings.E1_USER_UPLOADS = 1
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    strict.cookies["csrftoken"] = "x" * 32
    with UPLOADS.place(person.pk):
        for path in ("/api/jobs/", "/api/webhooks/"):
            answer = post_unreadable(strict, path, media_type)
            assert (answer.status_code, body(answer)["code"], answer["Retry-After"]) == (429, "too_many_uploads", "5")
    assert not UPLOADS._taken


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v3/e1-demo/log_prob/", "/api/webhooks/"])
def test_a_json_body_that_is_not_small_takes_a_place(api, person, settings, path):
    settings.E1_USER_UPLOADS = 1
    with UPLOADS.place(person.pk):
        answer = post_unreadable(api, path, "application/json")
        assert (answer.status_code, body(answer)["code"], answer["Retry-After"]) == (429, "too_many_uploads", "5")
        assert body(api.post(path, {"x": 1}, format="json"))["code"] != "too_many_uploads", "a small one needs none"
    large = api.post(path, {"x": "y" * 300_000}, format="json")
    assert (large.status_code, body(large)["code"]) == (400, "unknown_field")
    assert not UPLOADS._taken


@pytest.mark.django_db
def test_a_request_takes_one_place(api, browser, settings):
    settings.E1_USER_UPLOADS = 1
    assert submit(api, FASTA * 4000).status_code == 202
    items = [{"sequence": "MKT" * 100}] * 1000
    sent = {"model": "e1-demo", "action": "encode", "items": items}
    assert browser.post("/api/jobs/", sent, "application/json").status_code == 202
    assert not UPLOADS._taken


@pytest.mark.django_db
def test_a_small_form_takes_a_place_for_the_library_behind_it(api, person, browser, settings):
    settings.E1_USER_UPLOADS = 1
    earlier = body(submit(api))["id"]
    form = {"model": "e1-demo", "action": "log_prob", "on_invalid": "reject", "complete": "1"}
    packed = SimpleUploadedFile("a.fasta.gz", gzip.compress(FASTA))
    for library in ({"from": earlier}, {"file": packed}):
        with UPLOADS.place(person.pk):
            for path in ("/jobs/new/", "/jobs/new/cost/"):
                packed.seek(0)
                refused = browser.post(path, {**form, **library})
                assert (refused.status_code, b"you have 1 uploads" in refused.content.lower()) == (429, True)
            assert browser.post("/jobs/new/", {**form, "sequences": "MKT"}).status_code == 302
        packed.seek(0)
        assert browser.post("/jobs/new/cost/", {**form, **library}).json()["items"] > 0
        packed.seek(0)
        assert browser.post("/jobs/new/", {**form, **library}).status_code == 302
    assert not UPLOADS._taken


@pytest.mark.django_db
def test_a_file_is_not_read_from_people_who_are_not_logged_in(person):
    for path in ("/login/", "/jobs/new/"):
        form = {"username": "x", "password": "y", "file": SimpleUploadedFile("a.fasta", b"M" * 300_000)}
        assert Client().post(path, form).status_code == 413


# --- how large -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("media_type", ["text/x-fasta", "application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_announces_too_much_is_refused_unread(api, media_type):
    response = api.generic(
        "POST", "/api/jobs/?model=e1-demo&action=encode", b"", media_type,
        **{"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(MAX_UPLOAD_BODY + 1)},
    )  # fmt: skip
    assert response.status_code == 413
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["", "-1", "1e3", "\u0663", "abc"])
def test_odd_lengths_are_refused(api, length):
    response = api.generic(
        "POST", "/api/jobs/?model=e1-demo&action=encode", FASTA, "text/x-fasta", CONTENT_LENGTH=length
    )
    assert response.status_code == 400


def bomb(megabytes: int) -> bytes:
    return gzip.compress(b">a\n" + b"M" * (megabytes << 20), 9)


@pytest.mark.django_db
def test_a_gzip_bomb_is_refused_by_its_ratio(api):
    response = submit(api, bomb(80), "bomb.fasta.gz")
    assert response.status_code in (400, 413)
    assert not Job.objects.exists()
    with pytest.raises(TooLarge, match="500 times its size") as refused:
        list(parsing.blocks_of(io.BytesIO(bomb(80))))
    assert refused.value.code == "gzip_ratio"


def test_gzip_members_of_nothing_have_an_end(monkeypatch):
    monkeypatch.setattr(parsing, "MAX_UPLOAD_BYTES", 1 << 20)
    empty = gzip.compress(b"")
    sent = 0

    class Endless:
        def read(self, size):
            nonlocal sent
            sent += size
            return (empty * (size // len(empty) + 1))[:size] if size > len(empty) else empty

    with pytest.raises((TooLarge, InvalidInput)):
        list(parsing.blocks_of(Endless()))
    assert sent < 2 << 20


@pytest.mark.django_db
def test_a_form_has_few_fields_and_files(api):
    many = {f"field{n}": "x" for n in range(300)}
    response = submit(api, **many)
    assert (response.status_code, body(response)["code"]) == (400, "bad_multipart")
    files = {f"file{n}": SimpleUploadedFile("a", b"x") for n in range(20)}
    response = submit(api, **files)
    assert (response.status_code, body(response)["code"]) == (400, "bad_multipart")


# --- names and headers that mean harm --------------------------------------------------------------------------------

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\windows\\system.ini",
    "/etc/passwd",
    "a\r\nSet-Cookie: x=1",
    'a"; filename="b.exe',
    "<script>alert(1)</script>.fasta",
    "=cmd|' /C calc'!A1.fasta",
    "\u202egnp.exe",
    "x" * 1000,
    "con.fasta",
    "\x1b[31mred.fasta",
]


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("name", HOSTILE)
def test_a_files_name_is_no_path_and_no_header(api, browser, inline_worker, name):
    response = submit(api, FASTA, name, action="log_prob")
    if response.status_code == 400:
        return
    assert response.status_code == 202
    job = body(response)
    assert "/" not in job["name"]
    assert job["name"].isprintable()
    inline_worker()
    for format in ("jsonl", "csv", "xlsx", "npz", "parquet"):
        download = api.get(job["links"]["results"], {"format": format})
        assert download.status_code == 200
        b"".join(download.streaming_content)
        plain, _, encoded = download["Content-Disposition"].partition("; filename*=UTF-8''")
        assert re.fullmatch(r"""attachment; filename="[^"\\/:;<>%'\s-][^"\\/:;<>%'\s]*-log_prob\.[a-z]+\"""", plain)
        assert re.fullmatch(r"[A-Za-z0-9_.~%-]*", encoded)
    page = browser.get(job["links"]["page"]).content.decode()
    assert "<script>alert" not in page


@pytest.mark.django_db
def test_headers_of_records_are_text_in_every_file(api, inline_worker):
    names = [
        "=1+1",
        "@SUM(A1)",
        "-2+3",
        "+cmd",
        "<b>x</b>",
        "\u202eevil",
        "a\u009b31m",
        "\uff1d1+1",
        "'quoted",
        'a"b',
        "{{7*7}}",
    ]
    library = "".join(f">{name}\nMKTAYIAKQR\n" for name in names).encode()
    job = body(submit(api, library, action="log_prob"))
    inline_worker()
    rows = lines(api.get(job["links"]["results"], {"format": "jsonl"}))
    assert [row["name"] for row in rows] == names, "JSON lines have the names as they are"
    table = b"".join(api.get(job["links"]["results"], {"format": "csv"}).streaming_content).decode()
    cells = [row["name"] for row in csv.DictReader(io.StringIO(table))]
    assert [cell.removeprefix("'") if cell not in names else cell for cell in cells] == names
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))]
    numbers = [row["log_prob"] for row in csv.DictReader(io.StringIO(table))]
    assert all(float(number) < 0 for number in numbers), "numbers stay numbers, minus signs and all"


# --- how slow --------------------------------------------------------------------------------------------------------

APPLICATION = """
from e1site.pacing import Paced, SlowUpload

def read_all(environ, start_response):
    try:
        size = 0
        while block := environ["wsgi.input"].read(65536):
            size += len(block)
        status = f"200 {size}"
    except SlowUpload as error:
        status = "408 " + str(error)
    start_response(status, [("Content-Length", "0"), ("Connection", "close")])
    return [b""]

application = Paced(read_all, longest=12.0, grace=6.0, silence=3.0)
"""


@pytest.fixture(scope="module")
def paced(tmp_path_factory):
    """A real gunicorn, configured as the service's but with one thread, whose application only reads bodies."""
    folder = tmp_path_factory.mktemp("paced")
    (folder / "reader.py").write_text(APPLICATION)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", "reader:application", "--bind", f"127.0.0.1:{port}",
        "--worker-class", "gthread", "--threads", "1", "--no-control-socket", "--log-level", "error",
    ]  # fmt: skip
    server = subprocess.Popen(command, cwd=folder, env={"PYTHONPATH": f"{ROOT}:{folder}", "PATH": "/usr/bin:/bin"})
    try:
        for _ in range(1200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            pytest.fail("the server does not start")
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def send(port: int, announced: int, packets) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n".encode())
        client.settimeout(0.2)
        answer = b""
        for packet in packets:
            if packet:
                client.sendall(packet)
            try:
                answer = client.recv(4096)
                break
            except TimeoutError:
                continue
        client.settimeout(30)
        return answer or client.recv(4096)


def test_a_body_in_time_is_read(paced):
    assert b" 200 5" in send(paced, 5, [b"hello"])


@pytest.mark.slow
def test_a_silent_body_ends(paced):
    assert b" 408 nothing came for 3 seconds" in send(paced, 1000, [b"hello", *[b""] * 100])


@pytest.mark.slow
def test_a_trickle_ends_though_it_is_never_silent(paced):
    assert b" 408 the body took too long" in send(paced, 1000, [b"x"] * 200)
    assert b" 200 5" in send(paced, 5, [b"hello"]), "the thread is free again"


@pytest.mark.django_db
@pytest.mark.parametrize("size", [10, SMALL_FORM + 1])
def test_a_page_s_script_may_send_json_with_its_session(person, size):
    """REST looks for the session's form token in the body before it knows the user."""
    client = DjangoClient(enforce_csrf_checks=True)
    client.force_login(person)
    client.get("/jobs/new/")
    token = client.cookies["csrftoken"].value
    body = orjson.dumps({"model": "e1-demo", "action": "log_prob", "name": "x", "items": [{"sequence": "M" * size}]})
    for header, expected in (({"X-CSRFToken": token}, 202 if size == 10 else 400), ({}, 403)):
        answer = client.post("/api/jobs/", body, content_type="application/json", headers=header)
        assert answer.status_code == expected, answer.content[:300]
