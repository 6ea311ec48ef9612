"""A service started as a user does, and the published clients, each in its own environment."""

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
"""Return the service's answer to each item alone."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack("clients") as stack:
        yield stack


@pytest.fixture
def own(stack: Stack) -> Iterator[Client]:
    """Return our own Python client."""
    with stack.client() as client:
        yield client


@pytest.fixture(scope="session")
def alone(stack: Stack) -> Iterator[Alone]:
    """Return `alone(action, items, params)`, which sends each item in its own request and returns the results."""
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
    """Return why the environment of each published client cannot be made; an empty string if it exists."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(PUBLISHED, pool.map(build, PUBLISHED), strict=True))


@pytest.fixture(scope="session")
def certificate(built: dict[Published, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the certificate and key of the fake hosted site."""
    path = tmp_path_factory.mktemp("hosted") / "certificate.pem"
    maker = next((one.python for one, trouble in built.items() if not trouble), None)
    if maker is None:
        unavailable(built[BIOLMAI])
    subprocess.run([str(maker), "-c", CERTIFICATE_PROGRAM, str(path), "biolm.ai"], check=True, timeout=SECONDS)
    return path


@pytest.fixture
def hosted(certificate: Path) -> Iterator[HostedSite]:
    """Return the fake hosted site, which knows no model until a test adds a schema."""
    with HostedSite(certificate) as site:
        yield site


@pytest.fixture
def relay(stack: Stack) -> Iterator[Relay]:
    """Return a relay to the service that records every request."""
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
    """Return each published client in turn."""
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
    """Assert equal keys, lengths and texts, and numbers within 1e-4 of the larger of 1 and their magnitude."""
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
