"""The web server beside gunicorn's own threads: ordinary requests a second, with one application, database and worker.

wrk (Debian's package) keeps 16 connections busy. Rounds alternate between the two servers, so that other programs
disturb both. A ratio above 1 means that the service's own server answers more.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.measuring import Row, Timed
from benchmarks.service_data import paused_job
from benchmarks.service_stack import HOST, MODEL, Service
from e1site.stack import parts
from e1site.stack.environment import usable_port

CONNECTIONS = 16
THREADS = ("--worker-class", "gthread", "--workers", "2", "--threads", "16")
"""gunicorn's arguments before the service had a server of its own."""
LIMITS = {
    "E1_USER_REQUESTS": "100",
    "E1_USER_SYNC_REQUESTS": "32",
    "E1_SYNC_REQUESTS": "32",
    "E1_QUOTA_SYNC_REQUESTS": "200",
}
"""All connections are one user's: with the usual places some of them would be refused."""
SEQUENCES = [{"sequence": "MKTAYIAKQR" * 20}] * 8


def command_of(server: str, port: int) -> list[str]:
    """Return the command of the service's server (`own`), or of gunicorn's thread worker (`threads`)."""
    own = list(parts.web(HOST, port).command)
    if server == "own":
        return own
    bound = [*own[: own.index("--bind") + 2], *THREADS]
    return [*bound, "--graceful-timeout", "8", "--timeout", "60", "--preload", "--no-control-socket"]


def servers(service: Service, *, rounds: int, seconds: int) -> Iterator[Row]:
    """Measure a page, the state of a job, and an encode of eight sequences. Raises RuntimeError without wrk."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed; on Debian and Ubuntu install the package wrk")
    job = paused_job(64)
    ports = {name: usable_port(HOST, 0) for name in ("own", "threads")}
    with (
        tempfile.TemporaryDirectory() as folder,
        service.workers(1, E1_BENCH_ENGINE="null"),
        service.process("own", command_of("own", ports["own"]), signal.SIGTERM, seconds=20, **LIMITS),
        service.process("threads", command_of("threads", ports["threads"]), signal.SIGTERM, seconds=20, **LIMITS),
    ):
        for port in ports.values():
            service.port = port
            service.await_web()
        script = Path(folder) / "encode.lua"
        script.write_text(_script(service.token))
        asked: Mapping[str, list[str]] = {
            "page": ["/login/"],
            "state of a job": [f"/api/jobs/{job}/", "-H", f"Authorization: Token {service.token}"],
            "encode of eight": [f"/api/v3/{MODEL}/encode/", "-s", str(script)],
        }
        for name, (path, *options) in asked.items():
            rates: dict[str, list[float]] = {server: [] for server in ports}
            for number in range(rounds):
                # The first of a round is the second of the next.
                for server in list(ports)[:: -1 if number % 2 else 1]:
                    rates[server].append(rate(wrk, f"http://{HOST}:{ports[server]}{path}", options, seconds))
            yield row(name, rates)


def rate(wrk: str, url: str, options: list[str], seconds: int) -> float:
    """Return the answers a second. Raises RuntimeError if any is no success."""
    command = [wrk, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", "30s", *options, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if found is None or re.search(r"Non-2xx|Socket errors", said):
        raise RuntimeError(f"{url} was not answered as it should be:\n{said}")
    if not float(found[1]):
        raise RuntimeError(f"{url} was not answered once in {seconds} s")
    return float(found[1])


def row(name: str, rates: Mapping[str, list[float]]) -> Row:
    """Return the median of the ratios of the rounds."""
    ratios = Timed([own / threads for own, threads in zip(rates["own"], rates["threads"], strict=True)])
    detail = {f"{server}_per_second": statistics.median(values) for server, values in rates.items()}
    detail |= {"rounds": len(ratios.seconds), "ratios": list(ratios.seconds)}
    return Row(f"server: {name}, own over threads", ratios.median, "ratio", ">= 0.95", ratios.noise, detail)


def _script(token: str) -> str:
    body = json.dumps({"items": SEQUENCES})
    headers = f'wrk.headers["Authorization"] = "Token {token}"\nwrk.headers["Content-Type"] = "application/json"\n'
    return f"wrk.method = 'POST'\nwrk.body = [[{body}]]\n{headers}"
