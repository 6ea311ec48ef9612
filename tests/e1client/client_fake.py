"""A small fake of the job service on a real socket, for tests of the client."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import threading
import uuid
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import numpy as np

TOKEN = "secret-token"
PROBLEM = {
    "code": "bad_residue",
    "message": "'J' is no residue",
    "remedy": "use X",
    "line": 2,
    "column": 4,
    "record": "a",
}
RESULTS = b'{"index": 0, "name": "a", "state": "succeeded", "result": {}}\n' * 3000


def npz_bytes():
    """Results of two items. The first item of the input has failed."""
    file = io.BytesIO()
    np.savez(file, index=np.array([1, 2]), name=np.array(["a", "b"]), log_prob=np.array([-1.5, -2.5]))
    return file.getvalue()


NPZ = npz_bytes()


class FakeService:
    """`log` holds every request. The lists below steer the next answers."""

    def __init__(self):
        self.log = []
        self.jobs = {}
        self.looks = []  # states that the next requests for a job return, before `end`
        self.end = "succeeded"
        self.failed = 0
        # For each of the next requests: None, "drop" (no answer), "truncate" (the connection breaks),
        # "shorten" (a proxy ends the body too early), or (status, body, headers).
        self.faults = []
        self.building = 0  # how many requests for results return 202 first
        self.wrong_digest = False
        self.rate = True  # whether a worker has measured its rate
        self.refuses = False  # whether an estimate says that the quota does not allow the job
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def sent(self, method):
        return [entry for entry in self.log if entry["method"] == method]

    def job(self, job_id, state):
        done = state not in ("queued", "running")
        return {
            "id": job_id,
            "url": f"/api/jobs/{job_id}/",
            "name": self.jobs[job_id].get("name", ""),
            "model": "e1-demo",
            "action": "encode",
            "state": state,
            "created_at": "2026-11-22T10:00:00Z",
            "counts": {
                "total": 10,
                "pending": 0 if done else 10,
                "succeeded": 10 - self.failed if done else 0,
                "failed": self.failed if done else 0,
                "skipped": 0,
                "cancelled": 0,
            },
            "eta_seconds": None if done else 75,
            "queue": {"position": 2, "reason": "another job runs"} if state == "queued" else None,
            "failures": [{"code": "out_of_memory", "count": self.failed, "message": "too long"}] if self.failed else [],
            "attribution": "Profluent-E1",
            "demonstration": True,
        }

    def estimate(self):
        """tests/clients/test_own_client.py compares this shape with the service's."""
        refusal = {"code": "quota_active_jobs", "detail": "wait", "status_code": 429, "retry_after": 30}
        quota = {"limit": 5, "used": 1, "left": 4}
        return {
            "model": "e1-demo",
            "action": "encode",
            "items": 1200,
            "skipped": 3,
            "residues": 300_000,
            "tokens": 304_800,
            "output_bytes": 614_400,
            "stored_bytes": 914_400,
            "seconds": 75.0 if self.rate else None,
            "seconds_reason": None if self.rate else "no worker of this model is alive",
            "waiting": {"tokens": 40_000, "seconds": 10.0 if self.rate else None},
            "earlier_jobs": {
                "units": 0,
                "tokens": 0,
                "not_looked_at": 0,
                "seconds_without": 75.0 if self.rate else None,
            },
            "pools": [],
            "quota": {"active_jobs": quota, "stored_bytes": quota | {"limit": None, "left": None}},
            "accepted": not self.refuses,
            "refusal": refusal if self.refuses else None,
        }

    def submit(self, key, fields):
        """The same key returns the same job, as in the service."""
        job_id = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
        self.jobs[job_id] = fields
        return self.job(job_id, "queued")

    def _handler(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                self.serve()

            def do_POST(self):
                self.serve()

            def do_DELETE(self):
                self.serve()

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                address = urlsplit(self.path)
                fields = parse_form(self.headers, body)
                query = dict(parse_qsl(address.query))
                entry = {"method": self.command, "path": address.path, "query": query}
                service.log.append(entry | {"headers": dict(self.headers), "fields": fields})
                fault = service.faults.pop(0) if service.faults else None
                answer = service.answer(self.command, address.path, query, self.headers, fields)
                if fault == "drop":
                    self.close_connection = True
                elif fault == "truncate":
                    self.begin(200, {"Transfer-Encoding": "chunked"})
                    self.wfile.write(b"400\r\n" + RESULTS[:1024] + b"\r\n")
                    self.close_connection = True
                elif fault == "shorten":
                    self.reply(200, answer[1][:-30], {})
                else:
                    self.reply(*(fault or answer))

            def begin(self, status, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def reply(self, status, body, headers):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.begin(status, {"Content-Length": str(len(data))} | headers)
                self.wfile.write(data)

        return Handler

    def answer(self, method, path, query, headers, fields):
        if headers.get("Authorization") != f"Token {TOKEN}":
            return (
                401,
                {
                    "detail": "a token is needed",
                    "code": "not_authenticated",
                    "status_code": 401,
                    "errors": [],
                },
                {},
            )
        if path == "/api/jobs/":
            if method == "POST":
                job = self.submit(headers["Idempotency-Key"], fields)
                return 202, job, {"Location": job["url"]}
            return 200, self.page(int(query.get("cursor", 0))), {}
        if path == "/api/estimate/":
            return 200, self.estimate(), {}
        match = re.fullmatch(r"/api/jobs/([^/]+)/(\w*)/?(?:7/)?", path)
        if not match or match[1] not in self.jobs:
            return 404, {"detail": "no such job", "code": "not_found", "status_code": 404, "errors": []}, {}
        if match[2] in ("results", "artefacts"):
            return self.on_results(match[1], query.get("format"))
        if method == "DELETE":
            del self.jobs[match[1]]
            return 204, b"", {}
        return getattr(self, f"on_{match[2] or 'look'}")(match[1])

    def page(self, start):
        """Return two jobs a page. Only the service knows the address of the next page."""
        rows = [self.job(job_id, self.end) for job_id in self.jobs][start : start + 2]
        more = start + 2 < len(self.jobs)
        return {"next": f"http://inside:1/api/jobs/?cursor={start + 2}" if more else None, "results": rows}

    def on_look(self, job_id):
        return 200, self.job(job_id, self.looks.pop(0) if self.looks else self.end), {}

    def on_cancel(self, job_id):
        return 200, self.job(job_id, "cancelled"), {}

    def on_pause(self, job_id):
        return 200, self.job(job_id, "paused"), {}

    def on_resume(self, job_id):
        return 200, self.job(job_id, "running"), {}

    def on_retry(self, job_id):
        return 200, self.job(job_id, "queued"), {}

    def on_items(self, job_id):
        rows = [
            {"index": n, "line": 2 * n + 1, "name": f"p{n}", "code": "out_of_memory", "reason": "too long"}
            for n in range(self.failed)
        ]
        return 200, {"next": None, "results": rows}, {}

    def on_results(self, job_id, format):
        if self.building:
            self.building -= 1
            return 202, {"url": f"/api/jobs/{job_id}/artefacts/7/"}, {}
        body = NPZ if format in ("npz", "xlsx") else RESULTS  # both are zip archives
        digest = hashlib.sha256(b"" if self.wrong_digest else body).digest()
        return 200, body, {"Repr-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}


def parse_form(headers, body):
    """Return the fields of a multipart form, with files as (name, bytes)."""
    if "multipart" not in headers.get("Content-Type", ""):
        return {}
    message = BytesParser().parsebytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        fields[name] = (part.get_filename(), value) if part.get_filename() else value.decode()
    return fields
