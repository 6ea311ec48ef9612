"""Fixtures for tests with a database: people, jobs, and a worker that runs inside the test."""

from __future__ import annotations

import gc
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import pytest
import typer.testing
from hypothesis import HealthCheck, settings

from tests.databases import database_copied

TINY = Path(__file__).parent / "data" / "e1-random-tiny"

# Numbers are compared with those of float32, on any processor. Services that tests start inherit it.
os.environ["E1_PRECISION"] = "float32"

if not os.environ.get("CI"):  # in CI, Hypothesis has its own profile, which has no deadline either
    settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("here")


SERVICES = {"stack", "service"}
"""Fixtures that start a whole service, most of them once a module."""
SHARED_BY_FOLDER = {"clients", "docs"}
"""Folders whose tests share one service."""
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_setup"}


def pytest_collection_finish() -> None:
    """Keep the tests themselves out of garbage collections: each would visit the objects of some 8,500 tests."""
    gc.collect()
    gc.freeze()


SLOW_MODULES = {"test_generated_requests.py"}
"""Modules of slow tests alone, whose collection takes seconds in each process."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path.name in SLOW_MODULES and config.option.markexpr == "not slow" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what a test needs, as far as its fixtures and its folder show it.

    Tests that share a service stay in one process if the option `--dist loadgroup` is given: each process would start
    a service of its own. A test marked `full` is a slow test that `.ci/run` leaves to `make test-full`.
    """
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker("slow")
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
            item.add_marker("db")
        if fixtures & SERVICES:
            shared = item.path.parent if item.path.parent.name in SHARED_BY_FOLDER else item.path
            item.add_marker(pytest.mark.xdist_group(str(shared.relative_to(config.rootpath))))
        if "e2e" in item.path.parts:
            item.add_marker("browser")
        elif "stack" in fixtures:
            item.add_marker("stack")
            item.add_marker("slow")  # a whole service starts; `make test` does that for the browser only
    if config.getoption("loadgroup", default=False):
        # Tests run in this order, groups first. A file has either a few long slow tests or many short ones. The short
        # ones go last, so that no process ends with a long test while the others have nothing to do.
        tests_of = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: tests_of[item.path])


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hash passwords with MD5: Django's own hasher takes a third of a second, and almost every test has a user."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def one_scan_of_static_files() -> Iterator[None]:
    """List the static files once per build, not for each test client: a scan takes a tenth of a second."""
    from django.conf import settings as django_settings

    from jobs.web import browser_assets
    from jobs.web.vite import FreshFiles

    scan = FreshFiles.add_files_from_finders
    found: dict[object, dict[str, object]] = {}

    def add(self: FreshFiles) -> None:
        build = (browser_assets.stamp(), self.static_prefix, tuple(django_settings.STATICFILES_DIRS))
        if build not in found:
            scan(self)
            found[build] = dict(self.files)
        self.files.update(found[build])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FreshFiles, "add_files_from_finders", add)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_build_of_the_command() -> Iterator[None]:
    """Build the command `e1` once, as its process does: Typer's runner would build its hundred parts for each call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", lru_cache(typer.testing._get_command))
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Copy a migrated database before Django looks for this process's own: migrating takes many seconds."""
    from django.conf import settings as django_settings

    database = django_settings.DATABASES["default"]
    database_copied(database.get("TEST", {}).get("NAME") or f"test_{database['NAME']}")


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Use the copy. It goes with the session's server."""
    return True


@pytest.fixture(scope="module")
def module_db(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Open a transaction around those of a module's tests: rows that many tests only read are made once in it."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def person(db):
    from django.contrib.auth.models import User

    return User.objects.create_user("rosalind", password="a long password 51")


@pytest.fixture
def stranger(db):
    from django.contrib.auth.models import User

    return User.objects.create_user("james", password="a long password 53")


@pytest.fixture
def token_of(db) -> Callable[..., str]:
    from jobs.models import ApiToken

    def make(user, **extra) -> str:
        return ApiToken.objects.create(user=user, expiry=None, **extra)[1]

    return make


@pytest.fixture
def api(person, token_of):
    """Return a REST client with a token of `person`."""
    return _with_token(token_of(person))


@pytest.fixture
def other_api(stranger, token_of):
    """Return a REST client with a token of `stranger`."""
    return _with_token(token_of(stranger))


def _with_token(token: str):
    from rest_framework.test import APIClient

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


@pytest.fixture
def browser(person):
    """Return Django's test client, logged in as `person`."""
    return _logged_in(person)


@pytest.fixture
def other_browser(stranger):
    """Return Django's test client, logged in as `stranger`."""
    return _logged_in(stranger)


def _logged_in(user):
    from django.test import Client

    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def engine_id(db) -> int:
    """Return the id of an engine whose results tests store by hand."""
    from e1protocol import EngineIdentity
    from jobs.fleet import workers

    return workers.engine_record(identity=EngineIdentity("e1-demo", "0" * 64, "float32", "cpu", "sdpa", "2", "0", True))


@pytest.fixture(scope="session")
def demo_engine():
    from worker.engine import Engine

    return Engine.load("e1-demo")


@pytest.fixture
def analysed_here(monkeypatch) -> None:
    """Compute analyses in this process: a child imports scikit-learn anew, which takes seconds.

    tests/science/test_maps.py and some tests of tests/maps run the child.
    """
    from jobs.maps import building
    from jobs.science.maps import child

    def compute(folder: Path, renew: Callable[..., None]) -> None:
        renew(progress=0.5, stage="computing")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in the child
            child.compute(folder)

    monkeypatch.setattr(building, "compute_apart", compute)


@pytest.fixture
def inline_worker(db, demo_engine, monkeypatch) -> Callable[[], int]:
    """Return a healthy worker in this process: a function that computes all ready chunks and returns their number."""
    from django.db.models.functions import Now

    from jobs.fleet import workers
    from jobs.models import Chunk, Worker
    from jobs.models.states import ChunkState, JobState
    from worker import tasks
    from worker.bundles import WorkerProcess

    def stay_alive() -> None:
        """Date the heartbeat ahead: no process sends one, and a slow test must not outlive the worker."""
        Worker.objects.filter(name="inline").update(heartbeat_at=Now() + timedelta(minutes=10))

    workers.worker_starting(name="inline", model="e1-demo")
    engine_id = workers.engine_record(identity=demo_engine.identity)
    workers.worker_ready(name="inline", engine_id=engine_id, tokens_per_second=10_000.0)
    stay_alive()
    process = WorkerProcess("inline", "e1-demo", demo_engine, engine_id, healthy=True)
    worker = tasks.ModelWorker("e1-demo", "inline", process=process)
    monkeypatch.setattr(tasks, "current", worker)

    def work() -> int:
        done = 0
        claimable = Chunk.objects.filter(state=ChunkState.READY, blocked=False, job__state__in=JobState.claimable())
        ready = claimable.order_by("id")
        while ids := list(ready.values_list("id", flat=True)[:4]):
            tasks.run_bundles([ids])
            done += len(ids)
        stay_alive()
        return done

    work.worker = worker
    return work


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name packed files by their kind: they hold the time, and every process must collect the same tests."""
    if isinstance(val, bytes):
        for magic, name in ((b"\x1f\x8b\x08", "gzip"), (b"PK\x03\x04", "zip")):
            if magic in val:
                return name
    return None
