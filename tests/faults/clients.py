"""Clients of a service under load: some read pages and ask, others upload libraries over a slow line.

Each client loops in its own thread until the scene is over. They use plain HTTP, because every answer counts here, and
the project's own client repeats failed requests.
"""

from __future__ import annotations

import gzip
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import httpx

from tests.faults.answers import Documents, Recorder, page_complaint, readyz_complaint
from tests.faults.service import MODEL, Service
from tests.faults.trial import library

ITEMS = 24
PIECES, PAUSE_SECONDS = 8, 0.1
"""Pieces of a body, with a pause before each, so that several uploads run at a time."""
ANSWER_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 5.0
AGAIN_SECONDS = 0.3
"""Pause before a request without a useful answer is repeated."""
GIVE_UP_SECONDS = 400.0
REPEATED, CUT_OFF = 5, 7
"""Every nth library is sent again after its answer, or first broken off half way and then repeated."""


@dataclass(slots=True)
class Libraries:
    """The uploaded libraries: the job that was returned for each key, and complaints."""

    accepted: dict[str, str] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def answered(self, key: str, job_id: str) -> None:
        if self.accepted.setdefault(key, job_id) != job_id:
            self.complaints.append(f"key {key} was answered with jobs {self.accepted[key]} and {job_id}")


@dataclass(frozen=True, slots=True)
class Scene:
    """The state that all clients share."""

    service: Service
    documents: Documents
    recorder: Recorder
    libraries: Libraries
    stop: threading.Event

    def http(self) -> httpx.Client:
        headers = {"Authorization": f"Token {self.service.token}"}
        address = f"http://127.0.0.1:{self.service.port}"
        return httpx.Client(base_url=address, headers=headers, timeout=ANSWER_SECONDS, trust_env=False)

    def some_job(self, random: Random) -> str:
        return random.choice(list(self.libraries.accepted.values()))


Ask = Callable[[Scene, httpx.Client, Random], tuple[httpx.Response, str]]
"""Sends one request and returns its answer, with what is wrong with it."""


def ask_job(scene: Scene, http: httpx.Client, random: Random) -> tuple[httpx.Response, str]:
    response = http.get(f"/api/jobs/{scene.some_job(random)}/")
    return response, scene.documents.complaint(response)


def ask_progress(scene: Scene, http: httpx.Client, random: Random) -> tuple[httpx.Response, str]:
    """Fetch the part of a job's page that htmx fetches again and again."""
    if not any("sessionid" in name for name in http.cookies):
        _log_in(scene.service, http)
    headers = {"HX-Request": "true", "HX-Target": "live"}
    response = http.get(f"/jobs/{scene.some_job(random)}/", headers=headers)
    return response, page_complaint(response)


def _log_in(service: Service, http: httpx.Client) -> None:
    page = http.get("/login/")
    form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    if form is not None:
        password = {"username": "admin", "password": service.password, "csrfmiddlewaretoken": form[1]}
        http.post("/login/", data=password, headers={"Referer": str(http.base_url)})


def ask_readyz(scene: Scene, http: httpx.Client, random: Random) -> tuple[httpx.Response, str]:
    response = http.get("/readyz")
    return response, readyz_complaint(response)


def ask_predict(scene: Scene, http: httpx.Client, random: Random) -> tuple[httpx.Response, str]:
    """Send a synchronous request, which the worker computes ahead of all libraries."""
    response = http.post(f"/api/v3/{MODEL}/predict/", json={"items": [{"sequence": "MKTAYIA?QRQISFVKSHFSRQ"}]})
    complaint = scene.documents.complaint(response)
    if not complaint and response.is_success and len(response.json()["results"][0]["logits"]) != 22:
        complaint = f"not the logits of 22 residues: {response.text[:200]}"
    return response, complaint


READERS: dict[str, Ask] = {
    "job": ask_job,
    "progress on the page": ask_progress,
    "readyz": ask_readyz,
    "predict, synchronous": ask_predict,
}
UPLOAD = "upload"


def read_on(scene: Scene, kind: str, seed: int) -> None:
    """Send one kind of request, one after the other, until the scene is over."""
    random = Random(seed)
    with scene.http() as http:
        while not scene.stop.is_set():
            said = [("", "")]
            with scene.recorder.measured(kind, said):
                response, complaint = READERS[kind](scene, http, random)
                said.append((str(response.status_code), complaint))
            if not said[-1][0].startswith("2"):
                scene.stop.wait(AGAIN_SECONDS)


def upload_on(scene: Scene, seed: int) -> None:
    """Upload libraries one after the other until the scene is over. The last one is repeated until it is accepted."""
    random = Random(seed)
    number = seed
    with scene.http() as http:
        while not scene.stop.is_set():
            number += 1
            key = str(uuid.uuid4())
            form = FORMS[number % len(FORMS)]
            body, media_type = form(key, library(ITEMS, random.randrange(1 << 30)))
            if number % CUT_OFF == 0:
                _cut_off(scene, key, body, media_type)
            if not _hand_in(scene, http, key, body, media_type):
                scene.libraries.given_up.append(key)
            elif number % REPEATED == 0:
                _hand_in(scene, http, key, body, media_type)


def _hand_in(scene: Scene, http: httpx.Client, key: str, body: bytes, media_type: str) -> bool:
    """Send a library, and repeat it with the same key after a temporary refusal or a broken connection.

    Return False if it is not accepted within GIVE_UP_SECONDS.
    """
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        said = [("", "")]
        wait = AGAIN_SECONDS
        with scene.recorder.measured(UPLOAD, said):
            response = http.post(_address(key), content=_thin(body), headers=_headers(key, body, media_type))
            said.append((str(response.status_code), scene.documents.complaint(response)))
            if response.is_success:
                scene.libraries.answered(key, response.json()["id"])
                return True
            wait = min(LONGEST_WAIT_SECONDS, float(response.headers.get("Retry-After", AGAIN_SECONDS)))
        time.sleep(wait)
    return False


def _cut_off(scene: Scene, key: str, body: bytes, media_type: str) -> None:
    """Break the connection half way."""
    named = {name.replace("-", "_"): value for name, value in _headers(key, body, media_type).items()}
    try:
        with scene.service.socket() as made:
            made.sendall(scene.service.head("POST", _address(key), **named) + body[: len(body) // 2])
    except OSError:
        return


def _address(key: str) -> str:
    """Return the address of a library's upload. Its name is unique, so that a doubled job is found by it."""
    return f"/api/jobs/?model={MODEL}&action=log_prob&name={key}"


def _headers(key: str, body: bytes, media_type: str) -> dict[str, str]:
    return {"Idempotency-Key": key, "Content-Type": media_type, "Content-Length": str(len(body))}


def _thin(body: bytes) -> Iterator[bytes]:
    size = -(-len(body) // PIECES)
    for start in range(0, len(body), size):
        time.sleep(PAUSE_SECONDS)
        yield body[start : start + size]


def _fasta(sequences: Sequence[str]) -> bytes:
    return "".join(f">p{number}\n{sequence}\n" for number, sequence in enumerate(sequences)).encode()


def _plain(key: str, sequences: Sequence[str]) -> tuple[bytes, str]:
    return _fasta(sequences), "text/x-fasta"


def _gzipped(key: str, sequences: Sequence[str]) -> tuple[bytes, str]:
    return gzip.compress(_fasta(sequences), mtime=0), "application/gzip"


def _form_with_gzip(key: str, sequences: Sequence[str]) -> tuple[bytes, str]:
    """Return the form that a browser sends with a file."""
    edge = "e1-under-load"
    fields = {"model": MODEL, "action": "log_prob", "name": key}
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="library.fasta.gz"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + gzip.compress(_fasta(sequences), mtime=0)
    return body + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


FORMS = (_plain, _gzipped, _form_with_gzip)
