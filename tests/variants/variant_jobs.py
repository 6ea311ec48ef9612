"""Finished jobs of variants for tests of what is made of their results."""

from __future__ import annotations

from typing import Any

import orjson

UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
SHORT = "MKTAYIAKQR"


def sent(api: Any, action: str, items: list[dict[str, str]], **params: Any) -> dict[str, Any]:
    """A job of this action that nobody computes."""
    body = {"model": "e1-demo", "action": action, "params": params, "items": items, "name": f"a {action}"}
    answer = api.post("/api/jobs/", orjson.dumps(body), content_type="application/json")
    assert answer.status_code == 202, answer.content
    return dict(answer.json())


def finished(api: Any, work: Any, action: str, items: list[dict[str, str]], **params: Any) -> dict[str, Any]:
    """A job of this action, computed by the inline worker."""
    job = sent(api, action, items, **params)
    work()
    job = api.get(job["url"]).json()
    assert job["state"] == "succeeded", job["failures"]
    return dict(job)


def scored(api: Any, work: Any, variants: list[str], parent: str = SHORT, **params: Any) -> dict[str, Any]:
    items = [{"variant": variant} for variant in variants]
    return finished(api, work, "score", items, parent=parent, **{"method": "wildtype_marginal", **params})
