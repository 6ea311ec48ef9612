"""Answers of a service under load, and the check that the documents name every refusal."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

import httpx

REFUSED, BROKEN, SILENT = "refused", "broken", "silent"
"""No connection, a connection that ended before the answer, and no answer in time."""
WAIT_AND_REPEAT = (429, 503)
"""Refusals that name the time of the next attempt."""
FOR_NOW = ("408", "409", "413", "429", "503", "504")
"""Refusals of a correct request: what exists is not 404, and a whole library is not 400."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request of a `kind`: `began` is monotonic, and `seconds` its duration.

    The outcome is the status or one of the words above. The complaint is empty if nothing is wrong.
    """

    kind: str
    began: float
    seconds: float
    outcome: str
    complaint: str = ""

    @property
    def ended(self) -> float:
        return self.began + self.seconds


@dataclass(slots=True)
class Recorder:
    """The answers that all threads received."""

    answers: list[Answer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: Answer) -> None:
        with self._lock:
            self.answers.append(answer)

    @contextmanager
    def measured(self, kind: str, said: list[tuple[str, str]]) -> Iterator[None]:
        """Time the block, which stores outcome and complaint in `said`. A failed connection is an outcome too."""
        began = time.monotonic()
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout):
            said[:] = [(REFUSED, "")]
        except httpx.TimeoutException:
            said[:] = [(SILENT, "")]
        except httpx.TransportError:
            said[:] = [(BROKEN, "")]
        outcome, complaint = said[-1]
        self.add(Answer(kind, began, time.monotonic() - began, outcome, complaint))


class Documents:
    """The statuses that the OpenAPI document lists for each call."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._calls = [
            (method.upper(), re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + r"\Z"), set(operation["responses"]))
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in ("get", "post", "put", "patch", "delete")
        ]

    def statuses(self, method: str, path: str) -> set[str]:
        return next((known for verb, shape, known in self._calls if verb == method and shape.match(path)), set())

    def complaint(self, response: httpx.Response) -> str:
        """Return what is wrong with an answer of the REST interface; empty if the documents allow it."""
        method, path = response.request.method, response.request.url.path
        where = f"{method} {path}: {response.status_code}"
        if response.status_code == 500:
            return f"{where} {response.text[:300]}"
        if str(response.status_code) not in self.statuses(method, path):
            return f"{where} is not documented: {response.text[:300]}"
        if response.is_success:
            return ""
        if str(response.status_code) not in FOR_NOW:
            return f"{where}, to a request with nothing wrong: {response.text[:300]}"
        try:
            body = response.json()
        except json.JSONDecodeError:
            return f"{where} without a JSON body: {response.text[:300]}"
        if {"detail", "code", "errors"} - set(body) or body.get("status_code") != response.status_code:
            return f"{where} is no problem: {response.text[:300]}"
        return f"{where} without Retry-After" if _needs_wait(response) else ""


def page_complaint(response: httpx.Response) -> str:
    """Return what is wrong with a page: 503 while a store is down is the only refusal."""
    where = f"GET {response.request.url.path}: {response.status_code}"
    if response.status_code not in (200, 204, 503):
        return f"{where} {response.text[:300]}"
    return ""


def readyz_complaint(response: httpx.Response) -> str:
    """Return what is wrong with an answer of /readyz, which is green or red with its checks."""
    where = f"GET /readyz: {response.status_code}"
    try:
        body = response.json()
    except json.JSONDecodeError:
        return f"{where} without its checks: {response.text[:300]}"
    red = [name for name, check in body.get("checks", {}).items() if not check["ok"]]
    wanted = 503 if red else 200
    return "" if response.status_code == wanted and body["ready"] == (not red) else f"{where} {response.text[:300]}"


def _needs_wait(response: httpx.Response) -> bool:
    return response.status_code in WAIT_AND_REPEAT and not response.headers.get("Retry-After", "").isdigit()


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one kind of request in one phase: how many ended and how many were answered, a second.

    Latencies are those of answered requests, in milliseconds.
    """

    kind: str
    phase: str
    requests: int
    answered: float
    middle: float
    slow: float
    outcomes: Mapping[str, int]

    @classmethod
    def of(cls, kind: str, phase: str, answers: Sequence[Answer], seconds: float) -> Figures:
        times = sorted(1000 * one.seconds for one in answers if one.outcome.isdigit())
        slow = quantiles(times, n=20)[-1] if len(times) > 1 else (times or [0.0])[0]
        outcomes = Counter(one.outcome for one in answers)
        return cls(kind, phase, len(answers), len(times) / seconds, median(times or [0.0]), slow, outcomes)

    def row(self) -> str:
        """Return a line of the Markdown table below."""
        said = ", ".join(f"{count} x {name}" for name, count in sorted(self.outcomes.items()))
        numbers = f"{self.requests} | {self.answered:.1f} | {self.middle:.0f} | {self.slow:.0f}"
        return f"| {self.kind} | {self.phase} | {numbers} | {said} |"


HEAD = "| request | faults | sent | answered a second | median ms | 95 % ms | answers |\n|---|---|---|---|---|---|---|"


def under_way(answers: Sequence[Answer], first: float, last: float) -> tuple[float, int]:
    """Return how many of these requests ran between two moments: on average, and at most."""
    spans = [(max(first, one.began), min(last, one.ended)) for one in answers if one.began < last and one.ended > first]
    edges = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return sum(ended - began for began, ended in spans) / (last - first), most
