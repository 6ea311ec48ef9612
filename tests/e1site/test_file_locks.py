"""File systems without locks, such as NFS and Lustre: a clear message, and files that need none."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from e1client.errors import UsageError
from e1protocol import MODELS
from e1site.stack import folder
from e1site.stack.errors import StackError
from jobs.actions import get_action
from jobs.files import Rows
from jobs.files.hdf5 import Hdf5File

NO_LOCKS = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
int flock(int descriptor, int operation) { (void)descriptor; (void)operation; errno = ENOLCK; return -1; }
"""
"""What the C library's flock does on a file system without locks."""


def test_a_data_folder_without_locks_is_refused_with_its_reason(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    made = folder.DataFolder.at(tmp_path / "data")
    made.create()
    monkeypatch.setattr(folder.fcntl, "flock", refuse)
    with pytest.raises(StackError, match=r"no file locks.*local disk") as caught, folder.hold(made):
        pass
    assert caught.value.code == "data_folder_unusable"


def test_hdf5_is_written_without_locks(tmp_path):
    """Another process holds a lock on the file: a library that wants one itself refuses to write."""
    path = tmp_path / "results.h5"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        action, model = get_action("log_prob"), MODELS["e1-demo"]
        file = Hdf5File(path, action.columns(action.checked({}, model), model), masked=False)
        rows = Rows()
        rows.add(0, "one", [np.array([[-1.5]], dtype=np.float32)], None, None)
        file.write(rows)
        file.close({})
    finally:
        os.close(descriptor)
    with h5py.File(path) as written:
        assert written["log_prob"][:] == pytest.approx([-1.5])


def without_locks(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which no file can be locked."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to stand in for a file system without locks")
    source, library = tmp_path / "locks.c", tmp_path / "locks.so"
    source.write_text(NO_LOCKS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}


def test_e1_up_says_it_where_nothing_can_be_locked(tmp_path):
    command = [Path(sys.executable).with_name("e1"), "up", "--port", "0", "--data", str(tmp_path / "data")]
    names = ("DATABASE_URL", "REDIS_URL")
    env = {name: value for name, value in without_locks(tmp_path).items() if name not in names}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "has no file locks" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_folder_is_tried_before_anything_is_computed(tmp_path):
    from e1client.downloads import check_out

    check_out(tmp_path / "out.h5")
    assert not list(tmp_path.iterdir()), "nothing is left behind"
    closed = Path("/proc/e1")  # no one can write there, not even root
    with pytest.raises(UsageError):
        check_out(closed / "out.h5")
    with pytest.raises(UsageError, match="cannot be written"):
        check_out(Path("/proc/self/out.h5"))
