"""Asking a running service whether it is ready."""

from __future__ import annotations

import http.client
import json
from collections.abc import Collection


def red(host: str, port: int, without: Collection[str] = ()) -> str:
    """Return in one line what keeps the service from being ready; empty if it is ready.

    Asks /readyz at this address directly, without a proxy. The models `without` a worker don't count. Raises nothing.
    """
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read(65536)
    except (OSError, http.client.HTTPException):
        return "the web process does not answer yet"
    finally:
        connection.close()
    if response.status == http.HTTPStatus.OK:
        return ""
    elsewhere = {f"{kind} {model}" for kind in ("model", "queue") for model in without}
    try:
        checks = json.loads(body)["checks"]
        wrong = {name: f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        wrong = {}
    if wrong and wrong.keys() <= elsewhere:
        return ""
    return "; ".join(wrong.values()) or f"/readyz answers with status {response.status}"
