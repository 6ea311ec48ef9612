"""The service as a user starts it, and the published clients, each in its environment."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from e1client.api import Client
from tests.clients.environments import BIOLM_SDK, BIOLMAI, PUBLISHED, Installed, Published, build
from tests.clients.listeners import CERTIFICATE_PROGRAM, HostedSite, Relay
from tests.needed import unavailable
from tests.stack import Stack, running_stack

MODEL = "e1-demo"
SECONDS = 300

Item = Mapping[str, Any]
Alone = Callable[..., list[Any]]
"""What the service answers to each item alone."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack("clients") as stack:
        yield stack


@pytest.fixture
def own(stack: Stack) -> Iterator[Client]:
    """Our own Python client."""
    with stack.client() as client:
        yield client


@pytest.fixture(scope="session")
def alone(stack: Stack) -> Iterator[Alone]:
    """`alone(action, items, params)`: the result of every item, each sent in a request of its own."""
    headers = {"Authorization": f"Token {stack.token}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=SECONDS, trust_env=False) as http:

        def ask(action: str, items: Sequence[Item], params: Mapping[str, Any] | None = None) -> list[Any]:
            answers = []
            for item in items:
                body = {"params": params or {}, "items": [item]}
                response = http.post(f"/api/v3/{MODEL}/{action}/", json=body)
                assert response.status_code == 200, response.text
                answers += response.json()["results"]
            return answers

        yield ask


@pytest.fixture(scope="session")
def built() -> dict[Published, str]:
    """Why an environment could not be made, for each published client; nothing where it is there."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(PUBLISHED, pool.map(build, PUBLISHED), strict=True))


@pytest.fixture(scope="session")
def certificate(built: dict[Published, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of the hosted site's stand-in."""
    path = tmp_path_factory.mktemp("hosted") / "certificate.pem"
    maker = next((one.python for one, trouble in built.items() if not trouble), None)
    if maker is None:
        unavailable(built[BIOLMAI])
    subprocess.run([str(maker), "-c", CERTIFICATE_PROGRAM, str(path), "biolm.ai"], check=True, timeout=SECONDS)
    return path


@pytest.fixture
def hosted(certificate: Path) -> Iterator[HostedSite]:
    """The hosted site's stand-in, which knows no model until a test gives it a schema."""
    with HostedSite(certificate) as site:
        yield site


@pytest.fixture
def relay(stack: Stack) -> Iterator[Relay]:
    """The way to the service on which every request can be looked at."""
    with Relay(stack.url) as relay:
        yield relay


@pytest.fixture(params=PUBLISHED, ids=lambda published: published.distribution)
def client(
    request: pytest.FixtureRequest,
    built: dict[Published, str],
    stack: Stack,
    relay: Relay,
    hosted: HostedSite,
    certificate: Path,
) -> Installed:
    """Each published client in turn."""
    published: Published = request.param
    if built[published]:
        unavailable(built[published])
    network = {"HOSTED_PORT": str(hosted.port), "SSL_CERT_FILE": str(certificate)}
    return Installed(published, relay.url, stack.token, network)


@pytest.fixture
def batches_by_eight(client: Installed, hosted: HostedSite, stack: Stack) -> None:
    """Let the client learn that the service takes eight items: one asks the service, the other the hosted site."""
    if client.published is not BIOLM_SDK:
        return
    headers = {"Authorization": f"Token {stack.token}"}
    for action in ("encode", "predict", "log_prob"):
        path = f"/api/v3/schema/{MODEL}/{action}/"
        hosted.schemas[path] = httpx.get(stack.url + path, headers=headers, trust_env=False).content


def agree(found: Any, expected: Any, where: str = "results") -> None:
    """The same keys, lengths and texts; numbers within 1e-4 of the larger of 1 and their magnitude."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            agree(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(found) == len(expected), where
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            agree(one, other, f"{where}.{place}")
    elif isinstance(expected, float):
        assert abs(found - expected) <= 1e-4 * max(1.0, abs(expected)), where
    else:
        assert found == expected, where
