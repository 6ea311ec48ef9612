"""The Python client against a service on a real socket that drops, refuses and cuts off."""

import fcntl
import io
import json
import sys

import pytest
import stamina

from e1client import (
    Client,
    GaveUpWaiting,
    NumberingFile,
    Rejected,
    ServerTrouble,
    Unauthorised,
    Unreachable,
    UsageError,
)
from e1client.settings import DEFAULT_URL, find_connection
from e1client.waiting import Clock
from tests.e1client.client_fake import NPZ, PROBLEM, RESULTS, TOKEN, FakeService

FASTA = b">a\nMKTAYIAK\n>b\nMKVL\n"


@pytest.fixture
def service():
    service = FakeService()
    yield service
    service.close()


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
def lost():
    return []


@pytest.fixture
def time():
    """Replace the clock by one on which pauses take no time; `time.pauses` lists them."""
    return FakeTime()


@pytest.fixture
def client(service, lost, time):
    with Client(service.url, TOKEN, on_lost=lost.append, clock=Clock(time.sleep, lambda: time.now)) as client:
        yield client


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "library.fasta"
    path.write_bytes(FASTA)
    return path


@pytest.fixture
def job(client, library):
    return client.submit(library, model="e1-demo", action="encode")


class FakeTime:
    def __init__(self):
        self.now = 0.0
        self.pauses = []

    def sleep(self, seconds):
        self.now += seconds
        self.pauses.append(seconds)


def test_submit_sends_file_fields_token_and_key(client, service, library, tmp_path):
    context = tmp_path / "homologs.fasta"
    context.write_bytes(b">h\nMKTA\n")
    job = client.submit(
        library,
        model="e1-demo",
        action="encode",
        params={"repr_layers": [-1]},
        context=context,
        name="n",
        on_invalid="skip",
    )
    (sent,) = service.log
    assert (sent["method"], sent["path"]) == ("POST", "/api/jobs/")
    assert sent["headers"]["Authorization"] == f"Token {TOKEN}"
    assert sent["fields"] == {
        "model": "e1-demo",
        "action": "encode",
        "params": '{"repr_layers": [-1]}',
        "name": "n",
        "on_invalid": "skip",
        "file": ("library.fasta", FASTA),
        "context": ("homologs.fasta", b">h\nMKTA\n"),
    }
    assert (job.state, job.total, job.finished_items) == ("queued", 10, 0)


def test_a_file_with_the_numbers_of_residues_goes_with_a_submission(client, service, library, tmp_path):
    numbers = tmp_path / "fab.pdb"
    numbers.write_bytes(b"HEADER")
    asked = {"model": "e1-demo", "action": "scan"}
    client.submit(library, **asked, numbering=numbers)
    client.estimate(library, **asked, numbering=NumberingFile(numbers, chain="H"))
    first, second = (sent["fields"] for sent in service.log)
    assert first["numbering_file"] == second["numbering_file"] == ("fab.pdb", b"HEADER")
    assert "numbering_chain" not in first
    assert second["numbering_chain"] == "H"


def test_dtype_is_sent_as_the_parameter(client, service, library):
    asked = {"model": "e1-demo", "action": "encode", "params": {"include": ["mean"]}, "dtype": "float16"}
    client.submit(library, **asked)
    client.submit_items(["MKTA"], **asked)
    client.estimate(library, **asked)
    assert {post["fields"]["params"] for post in service.sent("POST")} == {'{"include": ["mean"], "dtype": "float16"}'}


def test_two_submissions_are_two_jobs(client, service, library):
    for _ in range(2):
        client.submit(library, model="e1-demo", action="encode")
    assert len(service.jobs) == 2


def test_a_lost_answer_makes_no_second_job(client, service, library, lost):
    service.faults = ["drop", "drop"]
    client.submit(library, model="e1-demo", action="encode")
    posts = service.sent("POST")
    assert len(posts) == 3
    assert len({post["headers"]["Idempotency-Key"] for post in posts}) == 1
    assert [post["fields"]["file"][1] for post in posts] == [FASTA] * 3
    assert len(service.jobs) == 1
    assert [type(error) for error in lost] == [Unreachable] * 2


def test_a_submission_that_is_still_read_is_waited_for(client, service, library, time):
    body = {"detail": "still being read", "code": "idempotency_in_progress"}
    service.faults = ["drop", (409, body, {"Retry-After": "5"}), (409, body, {})]
    client.submit(library, model="e1-demo", action="encode")
    assert time.pauses == [5.0, 5.0]
    assert len({post["headers"]["Idempotency-Key"] for post in service.sent("POST")}) == 1


@pytest.mark.parametrize("content", [FASTA, b'{"sequence": "MK"}\n', b"name,sequence\n", b"\x1f\x8b\x08"])
def test_standard_input_is_sent_again_after_a_lost_answer(client, service, monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    service.faults = ["drop"]
    client.submit("-", model="e1-demo", action="encode")
    assert [post["fields"]["file"] for post in service.sent("POST")] == [("stdin", content)] * 2


def test_a_refusal_carries_its_problems_and_is_not_repeated(client, service, library):
    body = {"detail": "1200 problems", "code": "invalid_input", "errors": [PROBLEM], "errors_total": 1200}
    service.faults = [(400, body, {})]
    with pytest.raises(Rejected) as caught:
        client.submit(library, model="e1-demo", action="encode")
    assert caught.value.problems == [PROBLEM]
    assert (caught.value.code, caught.value.problem_count, caught.value.exit_code) == (
        "invalid_input",
        1200,
        3,
    )
    assert len(service.log) == 1


def test_a_wrong_token_is_not_repeated(service):
    with Client(service.url, "wrong") as client, pytest.raises(Unauthorised) as caught:
        client.jobs()
    assert (caught.value.exit_code, len(service.log)) == (5, 1)


def test_a_busy_server_is_asked_again_after_the_pause_it_names(client, service, job, lost):
    service.faults = [(503, {"detail": "restarting", "code": "unavailable"}, {"Retry-After": "7"})]
    assert client.job(job.id).state == "succeeded"
    assert [(type(error), error.retry_after) for error in lost] == [(ServerTrouble, 7.0)]


def test_an_answer_of_something_else_says_so(client, service, job):
    service.faults = [(404, b"<html>not here</html>", {})]
    with pytest.raises(Rejected, match="is E1_URL right"):
        client.job(job.id)
    service.faults = [(200, b"<html>a page</html>", {})]
    with pytest.raises(Unreachable, match="is not the service"):
        client.job(job.id)


def test_a_retry_that_may_have_arrived_is_not_sent_twice(client, service, job):
    service.faults = ["drop"]
    with pytest.raises(Unreachable):
        client.retry(job.id)
    assert [entry["path"][-7:] for entry in service.sent("POST")[1:]] == ["/retry/"]
    assert client.retry(job.id).state == "queued"


def test_cancel_is_repeated(client, service, job):
    service.faults = ["drop"]
    assert client.cancel(job.id).state == "cancelled"


def test_a_job_that_is_stopped_already_counts_as_stopped(client, service, job):
    refusal = (409, {"detail": "the job is over", "code": "job_is_over"}, {})
    service.end, service.faults = "cancelled", ["drop", refusal]
    assert client.cancel(job.id).state == "cancelled"
    service.end, service.faults = "succeeded", [refusal]
    with pytest.raises(Rejected, match="the job is over"):
        client.cancel(job.id)


def test_nobody_there(service):
    service.close()
    with Client(service.url, TOKEN) as client, pytest.raises(Unreachable, match="Check host and port"):
        client.jobs()
    service.__init__()


def test_wait_goes_through_lost_connections_with_growing_pauses(client, service, job, time):
    service.looks = ["queued", "queued", "running", "running"]
    service.faults = [None, "drop", (502, b"bad gateway", {}), None, "drop"]
    seen = []
    done = client.wait(job, on_update=lambda job: seen.append(job.state))
    assert (done.state, done.is_final, done.exit_code) == ("succeeded", True, 0)
    assert seen[0] == "queued"
    assert seen[-1] == "succeeded"
    assert time.pauses == sorted(set(time.pauses))
    assert max(time.pauses) <= 5


def test_wait_gives_up(client, service, job, time):
    service.looks = ["running"] * 100
    with pytest.raises(GaveUpWaiting, match="the job is running") as caught:
        client.wait(job, timeout=3)
    assert time.now == pytest.approx(3)
    assert caught.value.exit_code == 6


def test_wait_gives_up_when_the_server_stays_away(client, service, job, time):
    service.faults = ["drop"] * 100
    with pytest.raises(GaveUpWaiting, match="the server is away"):
        client.wait(job, timeout=0)
    assert time.pauses == []


def test_jobs_come_page_by_page_from_our_own_address(client, service, library):
    for _ in range(5):
        client.submit(library, model="e1-demo", action="encode")
    assert [job.id for job in client.jobs()] == list(service.jobs)
    assert len(client.jobs(limit=3)) == 3


@pytest.mark.parametrize("where", ["{id}", "/api/jobs/{id}/", "http://elsewhere/api/jobs/{id}/"])
def test_a_job_is_named_by_id_or_url(client, job, where):
    assert client.job(where.format(id=job.id)).id == client.job(job).id == job.id


@pytest.mark.parametrize("where", ["", "../../admin", "12"])
def test_a_name_that_is_no_job_id(client, service, where):
    with pytest.raises(UsageError, match="no job id"):
        client.job(where)
    assert service.log == []


def test_a_truncated_download_begins_anew(client, service, job, tmp_path):
    service.faults = ["truncate", "drop", "truncate"]
    sizes = []
    out = client.download(job.id, tmp_path / "out.jsonl", on_bytes=lambda done, total: sizes.append((done, total)))
    assert out.read_bytes() == RESULTS
    assert sizes[-1] == (len(RESULTS), len(RESULTS))
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl"]


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.npz", "out.xlsx"])
def test_a_download_that_a_proxy_ended_early_begins_anew(client, service, job, tmp_path, name, lost):
    """HTTP reports a complete body: only the end mark of the format shows the loss."""
    service.faults = ["shorten"]
    out = client.download(job, tmp_path / name)
    assert out.read_bytes() == (NPZ if name in ("out.npz", "out.xlsx") else RESULTS)
    assert [error.code for error in lost] == ["truncated"]


def test_a_checksum_that_the_server_sends_is_compared(client, service, job, tmp_path):
    service.wrong_digest = True
    with pytest.raises(Unreachable) as caught:
        client.download(job, tmp_path / "out.h5")
    assert caught.value.code == "checksum_mismatch"


@pytest.mark.parametrize("trouble", ["truncate", "digest"])
def test_a_download_that_never_completes_leaves_the_old_file(client, service, job, tmp_path, trouble):
    out = tmp_path / "out.jsonl"
    out.write_bytes(b"old")
    service.faults = ["truncate"] * 9 if trouble == "truncate" else []
    service.wrong_digest = True
    with pytest.raises(Unreachable):
        client.download(job.id, out)
    assert out.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl"]


def test_a_file_that_is_still_built_is_waited_for(client, service, job, tmp_path, time):
    """The first answer names the file. A second request for a running job's results would return another file."""
    service.building = 2
    client.download(job, tmp_path / "out.h5")
    assert (tmp_path / "out.h5").read_bytes() == RESULTS
    assert len(time.pauses) == 2
    asked = [(entry["path"].split("/", 4)[-1], entry["query"]) for entry in service.sent("GET")]
    assert asked == [("results/", {"format": "h5"}), ("artefacts/7/", {}), ("artefacts/7/", {})]


def test_outputs_are_checked_before_anything_is_asked(client, service, tmp_path):
    for out, word in (
        ("out.txt", "parquet"),
        ("none/out.npz", "does not exist"),
        ("", "names no format of these"),
    ):
        with pytest.raises(UsageError, match=word):
            client.download("00000000-0000-0000-0000-000000000000", tmp_path / out)
    assert service.log == []


@pytest.fixture
def local(tmp_path, monkeypatch):
    """The data folder of a service, as `e1 up` writes it in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("E1_TOKEN", "E1_URL", "E1_DATA"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / ".local"
    folder.mkdir()
    (folder / "token").write_text("local\n")
    (folder / "url").write_text("http://127.0.0.1:9123\n")
    return folder


def used(*arguments, **options):
    found = find_connection(*arguments, **options)
    return str(found.url), found.token


def test_address_and_token_of_a_folder_belong_together(local, monkeypatch, tmp_path):
    assert used() == ("http://127.0.0.1:9123", "local")
    assert ".local" in find_connection().note
    assert used("http://localhost:9123/") == ("http://localhost:9123/", "local"), "the same service"
    for other in ("http://127.0.0.1:8000", "http://[::1]:9000", "https://127.0.0.1:9123", "https://example.org:9123"):
        assert used(other) == (other, ""), "the token is for another service"
    assert used(token="mine") == (DEFAULT_URL, "mine"), "the address is for another token"
    monkeypatch.setenv("E1_TOKEN", " from-env ")
    assert used() == (DEFAULT_URL, "from-env")
    assert used("http://127.0.0.1:9123") == ("http://127.0.0.1:9123", "from-env")


def test_a_token_without_an_address_is_not_used(local):
    (local / "url").unlink()
    assert used() == (DEFAULT_URL, "")
    assert "e1 up" in find_connection().note


def test_a_folder_without_a_token_is_named(local):
    """A restored folder has none; those of the backup are valid."""
    (local / "token").unlink()
    assert used() == ("http://127.0.0.1:9123", "")
    assert find_connection().note == (
        "the service of .local runs, but .local has no token: set E1_URL=http://127.0.0.1:9123 and E1_TOKEN"
    )


def test_another_folder_can_be_named(local, monkeypatch, tmp_path):
    elsewhere = local.rename(tmp_path / "elsewhere")
    assert used() == (DEFAULT_URL, "")
    monkeypatch.setenv("E1_DATA", str(elsewhere))
    assert used() == ("http://127.0.0.1:9123", "local")


def test_an_address_that_a_killed_service_left_behind_is_not_used(local):
    """Another program may listen there by now."""
    with (local / "lock").open("w") as lock:
        assert used() == (DEFAULT_URL, "")
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert used() == ("http://127.0.0.1:9123", "local")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://", "http://a:b", "nonsense"])
def test_a_bad_url(url):
    with pytest.raises(UsageError, match="E1_URL"):
        find_connection(url)


def test_a_token_that_no_header_can_carry():
    with pytest.raises(UsageError, match="E1_TOKEN"):
        find_connection(token="two words")


def test_an_error_as_json_is_the_servers_body(client, service, job):
    body = {"detail": "d", "code": "c", "status_code": 409, "errors": [PROBLEM]}
    service.faults = [(409, body, {})]
    with pytest.raises(Rejected) as caught:
        client.cancel(job.id)
    assert json.loads(json.dumps(caught.value.as_dict())) == body
