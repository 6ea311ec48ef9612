"""Asking a running service whether it is ready, and saying in words what is not."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Readiness:
    """`answered` says that the web process is up; `checks` is what /readyz reported, by name."""

    answered: bool = False
    ready: bool = False
    checks: Mapping[str, Any] = field(default_factory=dict)

    def red(self) -> str:
        """What keeps the service from being ready, in one line."""
        if not self.answered:
            return "the web process does not answer yet"
        wrong = [f"{name}: {_words(value)}" for name, value in self.checks.items() if not _green(value)]
        return "; ".join(wrong) or "the service does not say why"


def ask(host: str, port: int, *, timeout: float = 2.0) -> Readiness:
    """GET /readyz, straight to this address (no proxy). Raises nothing."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read(65536)
    except (OSError, http.client.HTTPException):
        return Readiness()
    finally:
        connection.close()
    return _read_answer(response.status, body)


def _read_answer(status: int, body: bytes) -> Readiness:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    checks = answer.get("checks") if isinstance(answer, dict) else None
    if not isinstance(checks, dict):
        checks = {} if status == http.HTTPStatus.OK else {"web": f"/readyz answers with status {status}"}
    return Readiness(answered=True, ready=status == http.HTTPStatus.OK, checks=checks)


def _green(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value.get("ok", value.get("ready", False)))
    return value is True or value == "ok"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("detail") or value.get("reason") or "not ready")
    return "not ready" if value is False or value is None else str(value)
