"""One client in several processes and threads, and its errors on the way between processes."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import e1client.errors
from e1client import Client, ClientError, Rejected
from tests.e1client.client_fake import PROBLEM, TOKEN, FakeService

FORKS = """
import multiprocessing, sys
from e1client import Client

client = Client(sys.argv[1], sys.argv[2])
jobs = [job.id for job in client.jobs()]  # the connection that the children inherit

def wrong(job):
    return sum(client.job(job).id != job for _ in range(50))

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print(sum(pool.map(wrong, jobs[:4], chunksize=1)))
    assert client.job(jobs[0]).id == jobs[0]  # the parent's connection is as it was
"""


@pytest.fixture
def service() -> Iterator[FakeService]:
    service = FakeService()
    for name in ("a", "b", "c", "d"):
        service.submit(name, {})
    yield service
    service.close()


def test_forked_processes_get_their_own_answers(service):
    """A connection that is shared by processes hands out the answers to each other's requests."""
    run = subprocess.run(
        [sys.executable, "-c", FORKS, service.url, TOKEN], capture_output=True, text=True, timeout=120, check=False
    )
    assert (run.returncode, run.stdout.strip()) == (0, "0"), run.stderr[-2000:]


def test_threads_share_a_client(service):
    with Client(service.url, TOKEN) as client, ThreadPoolExecutor(8) as pool:
        wanted = list(service.jobs) * 25
        assert [job.id for job in pool.map(client.job, wanted)] == wanted


def test_a_client_goes_to_a_process_that_was_not_forked(service):
    with Client(service.url, TOKEN) as client:
        client.jobs()
        (first, *_) = service.jobs
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(client.job, (first,)).id == first


def answer(status, **body):
    request = httpx.Request("GET", "http://service/api/jobs/")
    return httpx.Response(status, json=body, headers={"Retry-After": "3"}, request=request)


def made() -> Iterator[ClientError]:
    """Yield an error of every class."""
    body = {"detail": "'J' is no residue", "code": "invalid_input", "errors": [PROBLEM], "errors_total": 7}
    for status in (400, 401, 429, 503):
        yield e1client.errors.api_error(answer(status, **body))
    for kind in (e1client.errors.ApiError,):
        yield kind(answer(418, **body))
    yield e1client.errors.Refused(body)
    simple = {ClientError, *subclasses(ClientError)} - {e1client.errors.Refused, *subclasses(e1client.errors.Refused)}
    for kind in simple:
        yield kind("what is wrong", code="some_code")


def subclasses(kind):
    for one in kind.__subclasses__():
        if one.__module__.startswith("e1client"):
            yield one
            yield from subclasses(one)


@pytest.mark.parametrize("carry", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_survive_the_way_between_processes(carry):
    errors = list(made())
    assert {type(error) for error in errors} == {ClientError, *subclasses(ClientError)}
    for error in errors:
        error.note = "of the caller"
        carried = carry(error)
        assert type(carried) is type(error)
        assert (carried.args, vars(carried)) == (error.args, vars(error))
        assert (str(carried), carried.as_dict()) == (str(error), error.as_dict())


def test_a_pool_reports_the_error_of_a_call(service):
    """An error that cannot be pickled would end the thread that receives results: the pool would wait for ever."""
    with Client(service.url, TOKEN) as client, multiprocessing.get_context("spawn").Pool(1) as pool:
        call = pool.apply_async(client.job, ("00000000-0000-0000-0000-000000000000",))
        with pytest.raises(Rejected) as error:
            call.get(timeout=120)
    assert (error.value.code, error.value.status_code) == ("not_found", 404)
