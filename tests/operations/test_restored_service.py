"""A service that is saved while it computes, restored elsewhere, and started again."""

from __future__ import annotations

import shutil
import signal

import pytest

from e1site.stack.processes import signal_group
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.stack]

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKRQTLGQHDFSAGEGLYTHMKALRPDEDRLS"
SEQUENCES = [SEQUENCE[n % 40 :] for n in range(400)]


@pytest.fixture
def stacks(tmp_path_factory):
    """Yield two data folders; the paths are short, for the sockets in them."""
    made = [Stack(tmp_path_factory.mktemp(name) / "data") for name in ("saved", "restored")]
    try:
        yield made
    finally:
        for stack in made:
            stack.end()


def test_a_restored_service_computes_on(stacks, tmp_path):
    """Finished results come back byte for byte, and the work that was under way is computed."""
    saved, restored = stacks
    file = tmp_path / "e1.backup"
    saved.start()
    with saved.client() as client:
        finished = client.submit_items(SEQUENCES[:20], model="e1-demo", action="encode")
        assert client.wait(finished).state == "succeeded"
        client.download(finished, tmp_path / "before.h5")
        scored = client.log_prob("e1-demo", SEQUENCES[:20])
        signal_group(saved.child("-n e1-demo-1@"), signal.SIGSTOP)  # what it leases now, it never gives back
        under_way = client.submit_items(SEQUENCES, model="e1-demo", action="log_prob", name="under way")
        done = saved.run("backup", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        after = client.submit_items(SEQUENCES[:1], model="e1-demo", action="log_prob")
        assert client.job(under_way).state not in ("succeeded", "failed")
    again = saved.run("backup", str(file))
    assert (again.returncode, "file_exists" in again.stderr) == (3, True), again.stderr
    refused = saved.run("restore", str(file))
    assert "data_folder_in_use" in refused.stderr
    saved.end()

    cut = tmp_path / "cut.backup"
    cut.write_bytes(file.read_bytes()[:-100])
    for path, code in ((cut, "bad_backup"), (tmp_path / "missing", "bad_backup"), (file, "")):
        came = restored.run("restore", str(path))
        assert came.returncode == (3 if code else 0), came.stdout + came.stderr
        assert code in came.stderr
    twice = restored.run("restore", str(file))
    assert (twice.returncode, "not_empty" in twice.stderr) == (3, True), twice.stderr

    restored.start()
    shutil.copy(saved.folder.path / "token", restored.folder.path / "token")
    with restored.client() as client:
        client.download(finished, tmp_path / "after.h5")
        assert (tmp_path / "after.h5").read_bytes() == (tmp_path / "before.h5").read_bytes()
        assert client.wait(under_way).state == "succeeded"
        values = [row["result"]["log_prob"] for row in client.rows(under_way)]
        assert values[:20] == pytest.approx(scored, rel=1e-4)
        assert len(values) == len(SEQUENCES)
        assert after.id not in {job.id for job in client.jobs()}, "it was handed in after the backup"
    assert restored.works()
