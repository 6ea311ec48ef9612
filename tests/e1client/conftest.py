"""What the tests of the client share: a token, and an environment that names the running service."""

from __future__ import annotations

import pytest


@pytest.fixture
def token(person, token_of) -> str:
    return token_of(person)


@pytest.fixture
def signed_in(live_server, token, monkeypatch, tmp_path) -> str:
    """Work in an empty folder, with the address of the service and a token set. Returns the address."""
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token)
    monkeypatch.chdir(tmp_path)
    return live_server.url
