"""`e1 backup` of a service with many finished items, and `e1 restore` into a new data folder.

Both check themselves: the restore compares the rows and the SHA-256 of every table with what was saved.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import Row
from benchmarks.service_data import clear, lay_out_job
from benchmarks.service_stack import ROOT, Service

MB = 1_000_000


def backups(service: Service, *, sequences: int, folder: Path) -> Iterator[Row]:
    """Save and restore a job of this many items, each with a mean embedding of 1,280 numbers."""
    clear()
    lay_out_job(sequences, done=1, outputs=True)
    file, restored = folder / "bench.backup", folder / "restored"
    file.unlink(missing_ok=True)
    shutil.rmtree(restored, ignore_errors=True)
    saving = _seconds(["backup", str(file), "--data", str(service.folder.path)])
    size = file.stat().st_size
    restoring = _seconds(["restore", str(file), "--data", str(restored)])
    detail = {"sequences": sequences}
    of = f"{sequences} items with embeddings"
    yield Row(f"backup: {of}", saving, "s", "", 0.0, detail)
    yield Row(f"backup: file of {of}", size / MB, "MB", "", 0.0, detail)
    yield Row(f"backup: restore of {of}, checked", restoring, "s", "", 0.0, detail)
    file.unlink()
    shutil.rmtree(restored)


def _seconds(arguments: list[str]) -> float:
    """Return how long a command of `e1` takes. Raises CalledProcessError."""
    env = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    began = time.monotonic()
    command = [sys.executable, "-c", "from e1client.cli import app; app()", *arguments]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
