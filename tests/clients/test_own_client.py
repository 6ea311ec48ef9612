"""Our Python client with a real service: every call, a broken connection, a restarted server."""

from __future__ import annotations

import io
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from e1client import Client, Rejected, Unauthorised, UsageError
from e1client.errors import ClientError
from e1client.job import Job
from e1client.results import Results
from e1client.waiting import Clock
from e1site.stack.processes import is_running, signal_group, wait_gone
from tests.clients.conftest import MODEL, SECONDS, agree
from tests.e1client.client_fake import FakeService
from tests.stack import Stack

SEQUENCES = [
    "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ",
    "MAHHWGYGKHNGPEHWHKDFPIAKGERQSPVDI",
    "GSHMLEDPVDAFKL",
    "MSTNPKPQRKTKRNTNRRPQDVKFPGG",
]
HOMOLOGS = ["MKTAYIAKQKQISFVKSHFSRQLEERLGMIEVQ", "MKSAYIARQRQISFVRSHFSRQ"]
LIBRARY = f">first\n{SEQUENCES[0]}\n>bad\nMKT1\n>third\n{SEQUENCES[1]}\n>fourth\n{SEQUENCES[2]}\n"


@pytest.fixture(scope="module")
def encoded(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Return a job of four records; the second one is skipped. Tests only read it."""
    path = tmp_path_factory.mktemp("library") / "library.fasta"
    path.write_text(LIBRARY)
    with stack.client() as client:
        job = client.submit(path, model=MODEL, action="encode", name="four", on_invalid="skip")
        return client.wait(job, timeout=SECONDS)


def submit(client: Client, action: str, items: Any = None, **options: Any) -> Job:
    job = client.submit_items(items or SEQUENCES, model=MODEL, action=action, **options)
    return client.wait(job, timeout=SECONDS)


def test_a_library_becomes_arrays(own: Client, encoded: Job) -> None:
    assert (encoded.state, encoded.name, encoded.finished_items, encoded.total) == ("succeeded", "four", 4, 4)
    results = own.results(encoded)
    assert (results.index.tolist(), results.names) == ([0, 2, 3], ["first", "third", "fourth"])
    assert results.mean().shape == (3, 128)
    assert results.mean().dtype == np.dtype("float32")
    for item, answer in zip(results, own.encode(MODEL, SEQUENCES[:3]), strict=True):
        agree(item.mean[6].tolist(), answer["embeddings"][0]["embedding"])


def test_a_large_file_that_is_refused_unread_gets_its_refusal(own: Client, tmp_path: Path) -> None:
    """The service answers before the upload has ended; the client still shows the answer, with its place."""
    path = tmp_path / "headers.fasta"
    path.write_bytes(b">" * 60_000_000)
    with pytest.raises(Rejected) as refused:
        own.submit(path, model=MODEL, action="encode")
    assert (refused.value.status_code, refused.value.code) == (400, "line_too_long")


def test_what_a_library_would_cost(own: Client, encoded: Job, tmp_path: Path) -> None:
    path = tmp_path / "library.fasta"
    path.write_text(LIBRARY)
    before = [job.id for job in own.jobs()]
    cost = own.estimate(path, model=MODEL, action="encode", on_invalid="skip")
    assert (cost["items"], cost["skipped"], cost["output_bytes"]) == (3, 1, 3 * 128 * 4)
    assert cost["seconds"] > 0
    assert cost["accepted"]
    assert set(FakeService.estimate(FakeShape())) <= set(cost)
    assert own.usage()["models"][MODEL]["workers"] == 1
    assert [job.id for job in own.jobs()] == before


class FakeShape:
    """The client's unit tests use an estimate of this shape."""

    rate, refuses = True, False


def test_a_table_of_the_same(own: Client, encoded: Job) -> None:
    frame = own.frame(encoded)
    assert frame.index.tolist() == [0, 2, 3]
    assert frame["name"].tolist() == ["first", "third", "fourth"]
    assert np.array_equal(frame.filter(like="mean_layer_6_").to_numpy(), own.results(encoded).mean())


def test_every_format_holds_the_same_numbers(own: Client, encoded: Job, tmp_path: Path) -> None:
    """HDF5 is built in the background: the client waits for it."""
    paths = {format: own.download(encoded, tmp_path / f"x.{format}") for format in ("csv", "npz", "h5", "parquet")}
    expected = Results.read(paths["npz"]).mean()
    with h5py.File(paths["h5"]) as file:
        assert np.array_equal(file["mean_layer_6"][:], expected)
    assert np.array_equal(np.stack(pd.read_parquet(paths["parquet"])["mean_layer_6"].tolist()), expected)
    table = pd.read_csv(paths["csv"], index_col="index")
    assert table["state"].tolist() == ["succeeded", "skipped", "succeeded", "succeeded"]
    assert np.array_equal(table.filter(like="mean_layer_6_").dropna().to_numpy(np.float32), expected)
    rows = list(own.rows(encoded))
    assert [row["state"] for row in rows] == table["state"].tolist()
    assert rows[1]["error"]["code"] == "bad_letter"


def test_records_of_the_input(own: Client, encoded: Job) -> None:
    assert [item["name"] for item in own.items(encoded)] == ["first", "bad", "third", "fourth"]
    assert [item["index"] for item in own.items(encoded, limit=2)] == [0, 1]
    (skipped,) = own.items(encoded, state="skipped")
    assert (skipped["line"], skipped["code"], skipped["reason"] != "") == (3, "bad_letter", True)
    third = own.item(encoded, 2)
    assert (third["sequence"], third["context_sequences"]) == (SEQUENCES[1], [])
    agree(third["result"]["embeddings"][0]["embedding"], own.results(encoded).by_index(2).mean[6].tolist())
    assert own.item(encoded, 1)["result"] is None
    with pytest.raises(Rejected, match="has no item 4"):
        own.item(encoded, 4)


def test_where_the_numbers_come_from(own: Client, encoded: Job) -> None:
    manifest = own.manifest(encoded)
    assert (manifest["job"], manifest["demonstration"], manifest["counts"]["skipped"]) == (encoded.id, True, 1)
    assert manifest["results_checksum"].startswith("blake2b-16:")
    assert own.schema(MODEL, "encode")["properties"]["items"]["maxItems"] == 8


def test_masked_residues_and_residue_embeddings(own: Client) -> None:
    masked = submit(own, "predict", ["MKTAYIAKQ?QISFVKSHFSRQ", ("two", "GAVLILMSTAV??QKAGV?")])
    results = own.results(masked)
    assert [item.mask_positions.tolist() for item in results if item.mask_positions is not None] == [[9], [11, 12, 18]]
    assert [array.shape for array in results.logits()] == [(22, 20), (19, 20)]
    assert results.vocab_tokens == list("ACDEFGHIKLMNPQRSTVWY")
    whole = own.results(submit(own, "encode", params={"include": ["per_token", "mean"], "repr_layers": [3, -1]}))
    assert [array.shape for array in whole.per_token(3)] == [(len(text), 128) for text in SEQUENCES]
    for item in whole:
        assert np.allclose(item.per_token[6].mean(0), item.mean[6], atol=1e-5)


def test_scores_with_and_without_context(own: Client) -> None:
    alone = own.results(submit(own, "log_prob"))
    together = own.results(submit(own, "log_prob", context=HOMOLOGS))
    agree(alone.log_prob.tolist(), own.log_prob(MODEL, SEQUENCES))
    with_context = [{"sequence": text, "context_sequences": HOMOLOGS} for text in SEQUENCES]
    agree(together.log_prob.tolist(), own.log_prob(MODEL, with_context))
    assert together.log_prob[0] > alone.log_prob[0], "close homologs make a sequence likelier"
    assert alone.frame().columns.tolist() == ["name", "log_prob"]


def test_a_stream_and_a_file_of_homologs(own: Client, tmp_path: Path) -> None:
    homologs = tmp_path / "homologs.fasta"
    homologs.write_text("".join(f">{n}\n{text}\n" for n, text in enumerate(HOMOLOGS)))
    table = "name,sequence\n" + "".join(f"s{n},{text}\n" for n, text in enumerate(SEQUENCES))
    stream = io.BytesIO(table.encode())
    job = own.wait(own.submit(stream, model=MODEL, action="log_prob", context=homologs), timeout=SECONDS)
    with_context = [{"sequence": text, "context_sequences": HOMOLOGS} for text in SEQUENCES]
    agree(own.results(job).log_prob.tolist(), own.log_prob(MODEL, with_context))


def test_a_job_is_stopped_renamed_and_removed(own: Client) -> None:
    sequences = ["MKT" * (300 - n) for n in range(64)]  # equal jobs would be computed once
    job = own.submit_items(sequences, model=MODEL, action="encode", name="long")
    assert own.pause(job).state == "paused"
    assert own.pause(job).state == "paused"
    assert own.rename(job, "longer").name == "longer"
    assert own.jobs(limit=1, state="paused", model=MODEL)[0].id == job.id
    assert own.resume(job).state in ("queued", "running", "finalizing")
    assert own.cancel(job).state in ("cancelling", "cancelled")
    assert own.wait(job, timeout=SECONDS).state == "cancelled"
    assert own.cancel(job).state == "cancelled"
    own.delete(job)
    with pytest.raises(Rejected) as caught:
        own.job(job)
    assert caught.value.status_code == 404


def test_failed_items_are_computed_again(own: Client, stack: Stack) -> None:
    job = submit(own, "log_prob")
    before = own.results(job).log_prob
    with pytest.raises(Rejected):
        own.retry(job)
    with stack.sql() as cursor:  # as a worker writes when it runs out of memory
        error = '[{"code": "out_of_memory", "message": "did not fit", "remedy": "Use a larger GPU."}]'
        of_job = "WHERE chunk_id IN (SELECT id FROM jobs_chunk WHERE job_id = %s)"
        cursor.execute(f"DELETE FROM jobs_output {of_job}", [job.id])
        cursor.execute(f"UPDATE jobs_item SET error_code = 'out_of_memory', error = %s {of_job}", [error, job.id])
        cursor.execute("DELETE FROM jobs_tally WHERE job_id = %s", [job.id])
        cursor.execute(
            "UPDATE jobs_chunk SET state = 'failed', n_succeeded = 0, n_failed = n_items WHERE job_id = %s", [job.id]
        )
        cursor.execute("UPDATE jobs_job SET state = 'failed' WHERE id = %s", [job.id])
    assert own.job(job).counts["failed"] == len(SEQUENCES)
    assert [item["code"] for item in own.items(job, state="failed")] == ["out_of_memory"] * len(SEQUENCES)
    assert len(own.results(job)) == 0
    again = own.wait(own.retry(job), timeout=SECONDS)
    assert (again.id, again.state) == (job.id, "succeeded")
    agree(own.results(again).log_prob.tolist(), before.tolist())


def test_what_is_wrong_with_a_library_is_said(own: Client, stack: Stack) -> None:
    with pytest.raises(Rejected) as caught:
        own.submit(io.BytesIO(LIBRARY.encode()), model=MODEL, action="encode")
    (problem,) = caught.value.problems
    assert (problem["line"], problem["column"], problem["record"], problem["code"]) == (4, 4, "bad", "bad_letter")
    with pytest.raises(Rejected) as caught:
        own.log_prob(MODEL, [*SEQUENCES, *SEQUENCES, "MKT1"])
    assert caught.value.problems[0]["path"] == "items.8.sequence"
    with pytest.raises(UsageError, match="as many rows"):
        own.results(submit(own, "predict", ["MK?"])).frame()
    with Client(stack.url, "nobodys") as nobody, pytest.raises(Unauthorised):
        nobody.jobs()


def test_the_same_submission_from_another_process(own: Client, stack: Stack) -> None:
    """A program that crashed after submitting finds its job again by its own key."""
    first = own.submit_items(SEQUENCES, model=MODEL, action="encode", key="screen 7")
    with stack.client() as other:
        assert other.submit_items(SEQUENCES, model=MODEL, action="encode", key="screen 7").id == first.id
        assert other.wait(first.id, timeout=SECONDS).state == "succeeded"
        with pytest.raises(Rejected) as caught:
            other.submit_items(SEQUENCES[:2], model=MODEL, action="encode", key="screen 7")
    assert caught.value.status_code == 409


@contextmanager
def cutting(url: str, after: int) -> Iterator[str]:
    """Yield the address of a relay that breaks its first connection after `after` bytes of answers."""
    host, port = url.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def pump(source: socket.socket, target: socket.socket, left: float) -> None:
        while left > 0 and (block := _received(source)):
            target.sendall(block[: int(min(left, len(block)))])
            left -= len(block)
        for end in (source, target):
            _shut(end)

    def serve() -> None:
        limit: float = after
        threads, ends = [], []
        while True:
            client, _ = listener.accept()
            if over.is_set():
                client.close()
                break
            server = socket.create_connection((host, int(port)))
            ends += [client, server]
            for pair in ((client, server, float("inf")), (server, client, limit)):
                threads.append(threading.Thread(target=pump, args=pair))
                threads[-1].start()
            limit = float("inf")
        for end in ends:
            _shut(end)
        for thread in threads:
            thread.join()
        for end in ends:
            end.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
        listener.close()


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(4096)
    except OSError:
        return b""


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@pytest.mark.parametrize("format", ["jsonl", "npz", "h5", "parquet"])
def test_a_connection_cut_in_mid_download(own: Client, stack: Stack, tmp_path: Path, format: str) -> None:
    job = submit(own, "encode", params={"include": ["mean", "per_token"]})
    whole = own.download(job, tmp_path / f"whole.{format}").read_bytes()
    lost: list[ClientError] = []
    out = tmp_path / f"out.{format}"
    with (
        cutting(stack.url, len(whole) // 2) as url,
        Client(url, stack.token, on_lost=lost.append) as client,
    ):
        client.download(job, out)
    assert [error.code for error in lost] == ["unreachable"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"whole.{format}", out.name])
    if format == "npz":  # a zip archive holds the time at which it was written
        read, expected = Results.read(out).arrays, Results.read(tmp_path / "whole.npz").arrays
        assert read.keys() == expected.keys()
        assert all(np.array_equal(read[name], expected[name]) for name in expected)
    else:
        assert out.read_bytes() == whole


def test_a_server_restarted_while_a_client_waits(own: Client, stack: Stack) -> None:
    """The job is paused until the server is back, so only a client that survives the restart sees its end."""
    worker = stack.child(f"-n {MODEL}-1@")
    assert worker
    signal_group(worker, signal.SIGSTOP)  # else it may have computed the job before it is paused
    try:
        job = own.pause(own.submit_items(SEQUENCES, model=MODEL, action="encode"))
    finally:
        signal_group(worker, signal.SIGCONT)
    lost: list[ClientError] = []
    seen: list[str] = []

    def restart_then_resume(now: Job) -> None:
        seen.append(now.state)
        if len(seen) == 1:
            web = stack.child("gunicorn")
            assert web
            signal_group(web, signal.SIGKILL)
            assert wait_gone(lambda: is_running(web), SECONDS)
        elif now.state == "paused":
            own.resume(job)

    # The first look after the kill comes at once, long before a new server can listen.
    clock = Clock(sleep=lambda seconds: time.sleep(seconds if lost else 0))
    with Client(stack.url, stack.token, on_lost=lost.append, clock=clock) as client:
        done = client.wait(job, timeout=SECONDS, on_update=restart_then_resume)
    assert done.state == "succeeded"
    assert {error.code for error in lost} <= {"unreachable", "http_error", "database_unavailable"}
    assert lost
    assert seen[0] == "paused"
    assert seen[-1] == "succeeded"
