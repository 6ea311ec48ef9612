"""A disk that runs full: the warning before, and what is said afterwards."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from django.db import OperationalError
from prometheus_client.parser import text_string_to_metric_families
from psycopg import errors
from rest_framework.test import APIClient

from e1site.stack.processes import wait_gone
from e1site.stack.servers import wal_size
from jobs.limits import GIB, MIB
from jobs.web import disk
from tests.stack import Stack

Usage = namedtuple("Usage", "total used free")
SAID = "disk of the service is full"


@pytest.fixture
def room(monkeypatch, settings, tmp_path):
    """Return a function that sets how many bytes of how many are free on the database's disk."""
    settings.E1_DISK = str(tmp_path)

    def leave(free: int, total: int = 1000 * GIB) -> None:
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: Usage(total, total - free, free))

    leave(500 * GIB)
    return leave


@pytest.mark.parametrize(
    ("free", "total", "warned"),
    [
        (101 * GIB, 1000 * GIB, False),
        (99 * GIB, 1000 * GIB, True),
        (6 * GIB, 20 * GIB, False),
        (4 * GIB, 20 * GIB, True),
    ],
)
def test_the_warning_comes_at_a_tenth_or_at_five_gigabytes(room, free, total, warned):
    room(free, total)
    assert bool(disk.space_warning()) == warned


def test_nothing_is_known_about_a_disk_elsewhere(settings):
    settings.E1_DISK = ""
    assert (disk.database_space(), disk.space_warning(), disk.is_full()) == (None, "", False)


@pytest.mark.django_db
def test_the_warning_is_on_pages_in_readyz_and_a_metric(room, inline_worker, browser, admin_client):
    for free, warned in [(500 * GIB, False), (50 * GIB, True)]:
        room(free)
        ready = APIClient().get("/readyz")
        assert (ready.status_code, bool(ready.json()["warnings"])) == (200, warned), "a warning is not red"
        for page in (admin_client.get("/"), browser.get("/service/")):
            assert ("Only 50.0 GiB of 1,000 GiB are free" in page.content.decode()) == warned
        assert "are free" not in browser.get("/").content.decode(), "who can do nothing about it is not told"
        metrics = text_string_to_metric_families(APIClient().get("/metrics").content.decode())
        samples = {(one.name, one.labels.get("disk")): one.value for family in metrics for one in family.samples}
        assert samples["e1_disk_free_bytes", "database"] == free
        assert samples["e1_disk_size_bytes", "database"] == 1000 * GIB


def raising(error: Exception):
    error.__cause__ = errors.DiskFull("could not extend file: No space left on device")

    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.django_db
def test_a_full_disk_is_named(browser, api, monkeypatch):
    browser.raise_request_exception = False
    monkeypatch.setattr("jobs.pages.joblist.selectors.jobs_of", raising(OperationalError("full")))
    monkeypatch.setattr("jobs.api.jobs.selectors.jobs_of", raising(OperationalError("full")))
    page, answer = browser.get("/"), api.get("/api/jobs/")
    assert (page.status_code, answer.status_code, answer.json()["code"]) == (503, 503, "disk_full")
    assert SAID in page.content.decode()
    assert SAID in answer.json()["detail"]
    assert "does not answer" not in page.content.decode()


@pytest.mark.django_db
def test_a_database_that_is_away_because_its_disk_is_full_is_not_just_away(room, browser, api, monkeypatch):
    def fail(*_, **__):
        raise OperationalError("the connection is closed")

    browser.raise_request_exception = False
    monkeypatch.setattr("jobs.pages.joblist.selectors.jobs_of", fail)
    assert "does not answer" in browser.get("/").content.decode()
    room(disk.FULL_BYTES - 1)
    assert SAID in browser.get("/").content.decode()


def test_a_temporary_folder_that_is_full_is_named():
    assert disk.is_full(OSError(errno.ENOSPC, "No space left on device"))
    assert not disk.is_full(OSError(errno.EACCES, "Permission denied"))


@pytest.mark.parametrize(("total", "size"), [(4000 * GIB, 4096), (40 * GIB, 2048), (10 * GIB, 512), (1 * GIB, 128)])
def test_the_log_of_postgres_fits_the_disk(total, size):
    assert wal_size(total) == f"{size}MB"


# --- a real one ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="e1-small-disk-"))
    folder.chmod(0o711)
    command = ["mount", "-t", "tmpfs", "-o", "size=400m,mode=711", "none", str(folder)]
    try:
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root can mount a small disk, and not in every container")
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def log_in(browser: httpx.Client, password: str) -> None:
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.get("/login/").text)
    assert token
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token[1]}
    answer = browser.post("/login/", data=form, headers={"Referer": str(browser.base_url)})
    assert "New job" in answer.text, answer.text


@pytest.mark.slow
@pytest.mark.stack
def test_a_service_on_a_full_disk_says_so_and_goes_on_when_there_is_room(small_disk):
    stack = Stack(small_disk / "data")
    stack.output = Path(tempfile.gettempdir()) / f"{small_disk.name}.out"  # not on the disk that will be full
    stack.env |= {"E1_SPARE_BYTES": "0", "E1_QUOTA_STORED_BYTES": str(GIB)}
    try:
        stack.start()
        assert httpx.get(f"{stack.url}/readyz", timeout=60).json()["warnings"], "400 MB are little"
        with stack.client() as client, httpx.Client(base_url=stack.url, timeout=60, follow_redirects=True) as browser:
            library = [(f"p{n}", "MKTAYIAKQRQISFVKSHFSRQ" * 20 + "A" * n) for n in range(400)]
            job = client.submit_items(library, model="e1-demo", action="encode", params={"include": ["per_token"]})
            log_in(browser, stack.password)
            ballast = small_disk / "ballast"
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(MIB))
            texts: list[str] = []

            def not_said() -> bool:
                texts.append(browser.get(f"/jobs/{job.id}/").text)
                return SAID not in texts[-1].lower()

            assert wait_gone(not_said, 300, step=1.0), texts[-1]
            assert "does not answer" not in texts[-1]
            ballast.unlink()
            assert client.wait(job).state == "succeeded"
        assert wait_gone(lambda: not stack.works(), 300, step=1.0), stack.output.read_text()
    finally:
        stack.end()
        stack.output.unlink(missing_ok=True)
