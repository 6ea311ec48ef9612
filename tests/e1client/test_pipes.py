"""Pipes and devices instead of files, as shells make them: read twice, and never replaced by a file."""

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e1client.client_fake import RESULTS, TOKEN, FakeService

FASTA = b">a\nMKTAYIAKQR\n>b\nMKTWYIAKQR\n"


@pytest.fixture
def service():
    service = FakeService()
    yield service
    service.close()


@pytest.fixture
def bash(service, tmp_path):
    """Run a line of bash in an empty folder, in which `e1` is the real command. Returns standard output."""
    (tmp_path / "library.fasta.gz").write_bytes(gzip.compress(FASTA))
    (tmp_path / "library.fasta").write_bytes(FASTA)

    def run(line: str) -> bytes:
        command = f'e1() {{ "{sys.executable}" -m e1client.cli "$@"; }}; set -eo pipefail; {line}'
        env = os.environ | {"E1_URL": service.url, "E1_TOKEN": TOKEN}
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done.stdout

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("e1 submit <(zcat library.fasta.gz) --action encode --model e1-demo", "stream"),
        ("zcat library.fasta.gz | e1 submit /dev/stdin --action encode --model e1-demo", None),
        ("e1 submit /dev/stdin --action encode --model e1-demo < library.fasta", None),
        ("mkfifo f.fasta; zcat library.fasta.gz > f.fasta & until [ -p f.fasta ]; do :; done; "
         "e1 submit f.fasta --action encode --model e1-demo", "f.fasta"),
    ],
)  # fmt: skip
def test_a_pipe_is_sent_whole_and_again(service, bash, line, name):
    service.faults = ["drop"]  # the request is repeated, so the pipe's content must be kept
    bash(line)
    sent = [entry["fields"]["file"] for entry in service.sent("POST")]
    assert [content for _, content in sent] == [FASTA] * 2
    if name:
        assert [found for found, _ in sent] == [name] * 2


def test_a_pipe_as_context_and_as_alignment(service, bash):
    bash("e1 submit library.fasta --context <(zcat library.fasta.gz) --action encode --model e1-demo")
    assert service.sent("POST")[0]["fields"]["context"][1] == FASTA


def test_results_go_into_a_pipe_that_stays_one(service, bash, tmp_path):
    """A finished file is renamed to its name: /dev/stdout would become a file."""
    service.submit("a", {})
    (job,) = service.jobs
    os.mkfifo(tmp_path / "results.jsonl")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "results.jsonl").read_bytes()))
    reader.start()
    bash(f"e1 download {job} --out results.jsonl")
    reader.join(timeout=60)
    assert received == [RESULTS]
    assert (tmp_path / "results.jsonl").is_fifo()
    bash(f"e1 download {job} --out >(cat > kept; touch done) --format jsonl; until [ -e done ]; do :; done")
    assert (tmp_path / "kept").read_bytes() == RESULTS


@pytest.mark.slow
def test_run_reads_and_writes_pipes(bash, tmp_path):
    tiny = Path(__file__).parents[1] / "data" / "e1-random-tiny"
    out = bash(f"e1 run <(zcat library.fasta.gz) --action log_prob --model {tiny} --out one.csv; cat one.csv")
    assert out.count(b"\n") >= 3
    assert b"a" in (tmp_path / "one.csv").read_bytes()
