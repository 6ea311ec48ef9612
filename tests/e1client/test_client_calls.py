"""The request that each call of the Python client sends, and the value that it returns, without a network."""

import io
import json
import re
from email.parser import BytesParser

import httpx
import pytest
import stamina

from e1client import Client, Rejected, ServerTrouble, UsageError
from e1client.job import Job
from e1client.waiting import Clock

JOB = "0dae77fd-b85a-5bfa-b182-52cc45abf4b3"


class Wire:
    """A transport that answers from a list, in order. `sent` has (method, path with query, body as JSON or None)."""

    def __init__(self):
        self.answers = []
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        status, body = self.answers.pop(0)
        return (
            httpx.Response(status, json=body) if not isinstance(body, bytes) else httpx.Response(status, content=body)
        )

    @property
    def sent(self):
        return [(r.method, r.url.raw_path.decode(), json.loads(r.content or b"null")) for r in self.requests]

    def files(self):
        """Return names and contents of the files in the last form."""
        request = self.requests[-1]
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        parts = BytesParser().parsebytes(head + request.content).get_payload()
        return {
            part.get_param("name", header="content-disposition"): (part.get_filename(), part.get_payload(decode=True))
            for part in parts
            if part.get_filename()
        }


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def client(wire):
    clock = Clock(sleep=lambda seconds: None)
    with (
        stamina.set_testing(True, attempts=3),
        Client("http://service/e1", "t", transport=httpx.MockTransport(wire), clock=clock) as client,
    ):
        yield client


def job(state="queued", **more):
    return {"id": JOB, "state": state, "counts": {"total": 1}, **more}


def refusal(code, **more):
    return {"detail": f"it is {code}", "code": code, "errors": [], **more}


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (lambda c: c.job(JOB), ("GET", f"/e1/api/jobs/{JOB}/", None)),
        (lambda c: c.cancel(JOB), ("POST", f"/e1/api/jobs/{JOB}/cancel/", None)),
        (lambda c: c.pause(JOB), ("POST", f"/e1/api/jobs/{JOB}/pause/", None)),
        (lambda c: c.resume(JOB), ("POST", f"/e1/api/jobs/{JOB}/resume/", None)),
        (lambda c: c.release(JOB), ("POST", f"/e1/api/jobs/{JOB}/release/", None)),
        (lambda c: c.retry(JOB), ("POST", f"/e1/api/jobs/{JOB}/retry/", None)),
        (lambda c: c.rename(JOB, "two"), ("PATCH", f"/e1/api/jobs/{JOB}/", {"name": "two"})),
        (lambda c: c.manifest(JOB), ("GET", f"/e1/api/jobs/{JOB}/manifest/", None)),
        (lambda c: c.item(Job(job()), 7), ("GET", f"/e1/api/jobs/{JOB}/items/7/", None)),
        (lambda c: c.schema("e1-demo", "encode"), ("GET", "/e1/api/v3/schema/e1-demo/encode/", None)),
        (lambda c: c.schema("../jobs", "a?b"), ("GET", "/e1/api/v3/schema/..%2Fjobs/a%3Fb/", None)),
    ],
)
def test_each_call_is_one_request(client, wire, call, sent):
    wire.answers = [(200, job())]
    answer = call(client)
    assert wire.sent == [sent]
    assert (answer.data if isinstance(answer, Job) else answer) == job()


def test_extending_sends_the_file_with_a_key(client, wire, tmp_path):
    wire.answers = [(200, job())]
    (tmp_path / "more.fasta").write_text(">a\nMKT\n")
    assert client.extend(JOB, tmp_path / "more.fasta", on_invalid="skip", key="once").data == job()
    (sent,) = wire.requests
    assert (sent.method, sent.url.path) == ("POST", f"/e1/api/jobs/{JOB}/extend/")
    assert sent.headers["Idempotency-Key"] == "once"
    assert wire.files() == {"file": ("more.fasta", b">a\nMKT\n")}
    assert b"skip" in sent.content


def test_delete_has_no_answer(client, wire):
    wire.answers = [(204, b"")]
    client.delete(JOB)
    assert wire.sent == [("DELETE", f"/e1/api/jobs/{JOB}/", None)]


def test_jobs_of_a_kind(client, wire):
    wire.answers = [(200, {"next": None, "results": [job("failed")]})]
    (found,) = client.jobs(state="failed", model="e1-demo", action="encode", limit=3)
    assert found.state == "failed"
    assert wire.sent[0][1] == "/e1/api/jobs/?page_size=3&state=failed&model=e1-demo&action=encode"
    wire.answers = [(200, {"next": None, "results": []})]
    assert client.jobs(interactive=False) == []
    assert wire.sent[1][1] == "/e1/api/jobs/?page_size=20&interactive=false"


def test_items_come_page_by_page_as_they_are_wanted(client, wire):
    rows = [{"index": n} for n in range(3)]
    wire.answers = [
        (200, {"next": f"http://inside/api/jobs/{JOB}/items/?cursor=c2&page_size=1000", "results": rows[:2]}),
        (200, {"next": None, "results": rows[2:]}),
    ]
    found = client.items(JOB)
    assert wire.requests == []
    assert [next(found), next(found)] == rows[:2]
    assert len(wire.requests) == 1
    assert list(found) == rows[2:]
    asked = [path for _, path, _ in wire.sent]
    assert asked == [f"/e1/api/jobs/{JOB}/items/?{query}" for query in ("page_size=1000", "cursor=c2&page_size=1000")]


def test_the_first_items_of_a_state(client, wire):
    wire.answers = [(200, {"next": "http://inside/?cursor=c2", "results": [{"index": n} for n in range(2)]})]
    assert len(list(client.items(JOB, state="failed", limit=2))) == 2
    assert [path for _, path, _ in wire.sent] == [f"/e1/api/jobs/{JOB}/items/?page_size=2&state=failed"]


def test_the_rows_of_a_job(client, wire):
    rows = [{"index": 0, "result": {"log_prob": -1.5}}, {"index": 1, "error": {"code": "out_of_memory"}}]
    wire.answers = [(200, b"".join(json.dumps(row).encode() + b"\n" for row in rows))]
    assert list(client.rows(JOB)) == rows
    assert wire.sent[0][1].endswith("/results/?format=jsonl")


def test_items_of_a_program_become_a_file(client, wire):
    items = ["MKT", ("second", "MKV"), {"sequence": "MKL", "context_sequences": ["MK"]}]
    wire.answers = [(202, job())]
    client.submit_items(iter(items), model="e1-demo", action="encode", context=["MKA", "MKC"], key="mine")
    assert wire.requests[0].headers["Idempotency-Key"] == "mine"
    files = wire.files()
    assert files["context"] == ("context.json", b'["MKA", "MKC"]')
    assert files["file"][0] == "3-items.jsonl"
    assert [json.loads(line) for line in files["file"][1].splitlines()] == [
        {"sequence": "MKT"},
        {"name": "second", "sequence": "MKV"},
        {"sequence": "MKL", "context_sequences": ["MK"]},
    ]


@pytest.mark.parametrize(
    ("items", "name"),
    [
        (["MKT"], "1-item"),
        ([("sp|P1/x", "MKT"), "MKV", "MKL"], "sp_P1_x-and-2-more"),
        ([("P1", "MKT")], "P1"),
        ([("../..", "MKT"), "MKV"], "2-items"),
        ([("n" * 99, "MKT")], "n" * 60),
    ],
)
def test_the_file_of_items_is_called_after_what_is_in_it(client, wire, items, name):
    wire.answers = [(202, job())]
    client.submit_items(items, model="e1-demo", action="encode")
    assert wire.files()["file"][0] == f"{name}.jsonl"


class OneWay(io.RawIOBase):
    """A stream that cannot seek, such as a pipe."""

    def __init__(self, content):
        self.rest = content

    def readable(self):
        return True

    def readinto(self, block):
        part, self.rest = self.rest[: len(block)], self.rest[len(block) :]
        block[: len(part)] = part
        return len(part)


def test_a_stream_is_sent_again_after_a_lost_answer(client, wire):
    wire.answers = [(502, b"bad gateway"), (202, job())]
    client.submit(OneWay(b">a\nMKT\n"), model="e1-demo", action="encode")
    contents = [re.search(rb">a\nMKT\n", request.content) for request in wire.requests]
    assert len(contents) == 2
    assert all(contents)
    assert wire.files()["file"] == ("stream", b">a\nMKT\n")


def test_a_stream_is_read_from_where_it_stands(client, wire):
    stream = io.BytesIO(b"a note\nname,sequence\na,MKT\n")
    stream.readline()
    wire.answers = [(202, job())]
    client.submit(stream, model="e1-demo", action="encode")
    assert wire.files()["file"] == ("stream", b"name,sequence\na,MKT\n")


@pytest.mark.parametrize(
    ("items", "code", "words"),
    [
        ([], "no_items", "at least one"),
        ("MKT", "bad_item", "into a list"),
        ({"sequence": "MKT"}, "bad_item", "into a list"),
        (["MKT", 7], "bad_item", r"items\[1\] is a int"),
        ([{"sequence": float("nan")}], "bad_item", "JSON"),
        ([("MKT",)], "bad_item", r"items\[0\] is a tuple"),
    ],
)
def test_items_that_are_none(client, wire, items, code, words):
    with pytest.raises(UsageError, match=words) as caught:
        client.submit_items(items, model="e1-demo", action="encode")
    assert caught.value.code == code
    assert wire.requests == []


@pytest.mark.parametrize("stream", [io.StringIO(">a\nMKT\n"), 7])
def test_what_is_no_stream_of_bytes(client, wire, stream):
    with pytest.raises(UsageError, match="binary mode") as caught:
        client.submit(stream, model="e1-demo", action="encode")
    assert caught.value.code == "file_unreadable"
    assert wire.requests == []


def answers(*numbers):
    return 200, {"results": [{"log_prob": float(n)} for n in numbers]}


def test_at_once_eight_by_eight(client, wire):
    wire.answers = [answers(*range(8)), answers(*range(8, 11))]
    assert client.log_prob("e1-demo", (f"MK{'A' * n}" for n in range(11))) == [float(n) for n in range(11)]
    assert [path for _, path, _ in wire.sent] == ["/e1/api/v3/e1-demo/log_prob/"] * 2
    assert [len(body["items"]) for *_, body in wire.sent] == [8, 3]
    assert wire.sent[1][2] == {"params": {}, "items": [{"sequence": f"MK{'A' * n}"} for n in range(8, 11)]}


def test_parameters_of_a_call_at_once(client, wire):
    wire.answers = [(200, {"results": [{"logits": []}]})] * 2
    client.encode("e1-demo", ["MKT"], {"include": ["logits"]})
    client.predict("e1-demo", ["MK?"], {"rows": "masked"})
    assert [(path, body["params"]) for _, path, body in wire.sent] == [
        ("/e1/api/v3/e1-demo/encode/", {"include": ["logits"]}),
        ("/e1/api/v3/e1-demo/predict/", {"rows": "masked"}),
    ]


def test_nothing_is_asked_for_no_items(client, wire):
    assert client.encode("e1-demo", []) == []
    assert wire.requests == []


def test_a_refusal_in_a_later_batch_counts_from_the_first_item(client, wire):
    problem = {"code": "bad_letter", "path": "items.2.sequence", "index": 2, "message": "'1' is no residue"}
    other = {"code": "bad_params", "path": "params.include", "message": "no"}
    wire.answers = [answers(*range(8)), (400, refusal("bad_letter") | {"errors": [problem, other]})]
    with pytest.raises(Rejected) as caught:
        client.log_prob("e1-demo", ["MKT"] * 12)
    error = caught.value
    assert error.problems == [problem | {"path": "items.10.sequence", "index": 10}, other]
    assert error.detail == "of items 8 to 11: it is bad_letter"
    assert error.as_dict()["errors"] == error.problems


def test_a_refusal_in_the_first_batch_is_left_as_it_is(client, wire):
    wire.answers = [(400, refusal("bad_letter"))]
    with pytest.raises(Rejected) as caught:
        client.log_prob("e1-demo", ["MKT"] * 12)
    assert caught.value.detail == "it is bad_letter"


def late():
    return 504, refusal("still_running", job=f"/api/jobs/{JOB}/")


def test_an_answer_that_takes_too_long_is_fetched_from_its_job(client, wire):
    rows = b'{"index": 0, "state": "succeeded", "result": {"log_prob": -1.5}}\n'
    wire.answers = [late(), (200, job("running")), (200, job("succeeded")), (200, rows)]
    assert client.log_prob("e1-demo", ["MKT"]) == [-1.5]
    assert [method for method, *_ in wire.sent] == ["POST", "GET", "GET", "GET"]


def test_an_item_that_fails_in_such_a_job(client, wire):
    rows = b'{"index": 0, "state": "failed", "error": {"code": "out_of_memory", "message": "too long"}}\n'
    wire.answers = [late(), (200, job("failed")), (200, rows)]
    with pytest.raises(ServerTrouble, match="still_running") as caught:
        client.log_prob("e1-demo", ["MKT"])
    assert (caught.value.code, caught.value.detail) == ("out_of_memory", "items.0: too long")


@pytest.mark.parametrize("body", [{}, {"results": None}, {"results": [{}, {}]}])
def test_an_answer_with_another_number_of_results(client, wire, body):
    wire.answers = [(200, body)]
    with pytest.raises(Exception, match="is not the service"):
        client.encode("e1-demo", ["MKT"])
