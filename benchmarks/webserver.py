"""The web server beside gunicorn's own threads: ordinary requests a second, with one application, database and worker.

wrk (Debian's package) keeps 16 connections busy. Rounds alternate between the two servers, so that other programs
disturb both. A ratio above 1 means that the service's own server answers more. `by processor time` compares what an
answer costs the web processes, which other programs hardly change.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import Row, Timed
from benchmarks.service_data import paused_job
from benchmarks.service_stack import HOST, MODEL, Service, cpu_seconds
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
        service.process("own", command_of("own", ports["own"]), signal.SIGTERM, seconds=20, **LIMITS) as own,
        service.process(
            "threads", command_of("threads", ports["threads"]), signal.SIGTERM, seconds=20, **LIMITS
        ) as old,
    ):
        pids = {"own": own, "threads": old}
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
            answered: dict[str, list[Answered]] = {server: [] for server in ports}
            for number in range(rounds):
                # The first of a round is the second of the next.
                for server in list(ports)[:: -1 if number % 2 else 1]:
                    url = f"http://{HOST}:{ports[server]}{path}"
                    answered[server].append(ask(wrk, url, options, seconds, pids[server]))
            yield row(name, answered)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server did in one round: answers a second, and its processor seconds for each of them."""

    per_second: float
    processor: float


def ask(wrk: str, url: str, options: list[str], seconds: int, pid: int) -> Answered:
    """Keep the server with this process busy. Raises RuntimeError if any answer is no success."""
    before = cpu_seconds(pid)
    command = [wrk, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", "30s", *options, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in .*Requests/sec:\s*([\d.]+)", said, re.DOTALL)
    if found is None or re.search(r"Non-2xx|Socket errors", said):
        raise RuntimeError(f"{url} was not answered as it should be:\n{said}")
    if not int(found[1]):
        raise RuntimeError(f"{url} was not answered once in {seconds} s")
    return Answered(float(found[2]), (cpu_seconds(pid) - before) / int(found[1]))


def row(name: str, answered: Mapping[str, Sequence[Answered]]) -> Row:
    """Return the median of the ratios of the rounds."""
    rounds = list(zip(answered["own"], answered["threads"], strict=True))
    ratios = Timed([own.per_second / threads.per_second for own, threads in rounds])
    detail: dict[str, Any] = {
        f"{server}_per_second": statistics.median(one.per_second for one in values)
        for server, values in answered.items()
    }
    detail |= {"rounds": len(rounds), "ratios": list(ratios.seconds)}
    costs = [threads.processor / own.processor for own, threads in rounds if own.processor]
    detail |= {"ratio_by_processor_time": statistics.median(costs)} if costs else {}
    return Row(f"server: {name}, own over threads", ratios.median, "ratio", ">= 0.95", ratios.noise, detail)


def _script(token: str) -> str:
    body = json.dumps({"items": SEQUENCES})
    headers = f'wrk.headers["Authorization"] = "Token {token}"\nwrk.headers["Content-Type"] = "application/json"\n'
    return f"wrk.method = 'POST'\nwrk.body = [[{body}]]\n{headers}"
