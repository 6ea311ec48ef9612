"""Requests that several folders of tests send, and readers of the answers."""

from __future__ import annotations

import csv
import gc
import io
import re
import tracemalloc
from collections.abc import Callable
from html import unescape
from pathlib import Path

import orjson
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from rest_framework.test import APIClient

ROOT = Path(__file__).parents[1]

FASTA = b">one first\nMKTAYIAKQR\n>two\nMKTAYIAKQRQISFVK\n>three\nACDEFGHIKLMNPQRSTVWY\n"


def body(response):
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return orjson.loads(content)


def lines(response):
    return [orjson.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def csv_rows(response) -> list[dict[str, str]]:
    """Return the rows of a CSV download by column."""
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


def submit(api, file=FASTA, filename="library.fasta", action="encode", **fields):
    headers = fields.pop("headers", {})
    data = {"file": SimpleUploadedFile(filename, file), "model": "e1-demo", "action": action, **fields}
    return api.post("/api/jobs/", encode(data), content_type=MULTIPART_CONTENT, headers=headers)


def encode(data):
    return encode_multipart(BOUNDARY, data)


def post(api, path, data, **headers):
    return api.post(path, orjson.dumps(data), content_type="application/json", headers=headers)


def submit_items(api, items, action="log_prob", *, key=None, **fields):
    """Submit a job by a JSON body. `key` is its idempotency key."""
    headers = {"Idempotency-Key": key} if key else {}
    return post(api, "/api/jobs/", {"model": "e1-demo", "action": action, "items": items, **fields}, **headers)


def text_of(response) -> str:
    """Return the text that a reader sees: without markup, with single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def client_of(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def ask_analysis(client: APIClient, lib, kind: str, **params):
    return client.post(f"/api/jobs/{lib.job.pk}/analyses/", {"kind": kind, "params": params}, format="json")


def upload_columns(client, lib, text: str | bytes, **fields):
    data = text if isinstance(text, bytes) else text.encode()
    file = SimpleUploadedFile("values.csv", data, content_type="text/csv")
    return client.post(f"/api/jobs/{lib.job.pk}/columns/", {"file": file, **fields}, format="multipart")


SMALL_ALIGNMENT = b">parent\nMKTAYI\n>a\nMKTaAYI\n>b\nMRTAY-\n>b\n--TAYL\n"


def upload_alignment(api, file=SMALL_ALIGNMENT, filename="family.a3m", **fields):
    data = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile(filename, file), **fields})
    return api.post("/api/alignments/", data, content_type=MULTIPART_CONTENT)


def sample_alignment(api, alignment, **data):
    return api.post(f"{alignment['url']}sample/", orjson.dumps(data), content_type="application/json")


def stored_alignment(api, *args, **fields):
    response = upload_alignment(api, *args, **fields)
    assert response.status_code == 201, response.content
    return response.json()


def upload_assay(api, job: dict, text: str | bytes, **fields):
    data = text if isinstance(text, bytes) else text.encode()
    return api.post(f"{job['url']}assays/", {"file": SimpleUploadedFile("measured.csv", data), **fields})


def upload_structure(api, job: dict, data: bytes, filename: str = "helix.pdb", **fields):
    return api.post(f"{job['url']}structures/", {"file": SimpleUploadedFile(filename, data), **fields})


def peak_of(work: Callable[[], object]) -> int:
    """Return the peak memory of Python during the second of two runs. The first run does all late imports.

    Older objects are frozen, so that the garbage collector runs as often as it does in a small process.
    """
    work()
    gc.collect()
    gc.freeze()
    # CPython 3.11 skips a full collection until new objects are a quarter of those at the last one.
    # Freezing does not reset that number, but this collection does.
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()
