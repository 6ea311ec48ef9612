"""Measure what attacks do to another user, and to the memory of the web processes: `python -m tests.security.measure`.

Starts whole services (`e1 up`) in temporary folders: this checkout's, or those of `--checkout`. Each is attacked
without a proxy, and with `--nginx` also behind nginx with the files of its own deploy/nginx. During each attack another
user asks for /livez, a page and a job's state, each time on a new connection. Prints a Markdown table. Everything stays
on loopback addresses.

For example, this version beside the one before the event loop:

    git worktree add /tmp/before d3af609
    python -m tests.security.measure --checkout before=/tmp/before --checkout now=. --nginx
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.proxy import Nginx
from tests.security.attacks import KINDS, SEQUENCE, Kind, Target
from tests.stack import OWN_ENVIRONMENT

ROOT = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS = 300, 120
PATIENCE = 60.0
"""Seconds that the other user waits for an answer."""
PAUSE = 0.5
RECOVERY_SECONDS = 180.0
ATTACK_SECONDS = 20.0
MIB = 1024 * 1024


class Service:
    """`e1 up` of any checkout, with the command that its pyproject.toml names."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout, self._folder = checkout, folder
        module, function = command_of(checkout).split(":")
        self._command = [sys.executable, "-c", f"import sys; from {module} import {function}; sys.exit({function}())"]
        self._data = folder / "data"
        self._env = {name: value for name, value in os.environ.items() if name not in OWN_ENVIRONMENT}
        self._env["PYTHONPATH"] = str(checkout)
        self._launcher: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start and wait for the line `ready URL`."""
        output = self._folder / "out"
        command = [*self._command, "up", "--port", "0", "--model", "e1-demo", "--data", str(self._data)]
        with output.open("wb") as file:
            self._launcher = subprocess.Popen(
                command, cwd=self.checkout, env=self._env, stdout=file, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.url and time.monotonic() < deadline and self._launcher.poll() is None:
            time.sleep(0.2)
            found = re.search(r"^ready (\S+)", output.read_text(), re.MULTILINE)
            self.url = found[1] if found else ""
        if not self.url:
            raise SystemExit(f"the service of {self.checkout} does not start:\n{output.read_text()}")

    def stop(self) -> None:
        if self._launcher is not None:
            self._launcher.terminate()
            self._launcher.wait(STOP_SECONDS)

    @property
    def token(self) -> str:
        return (self._data / "token").read_text().strip()

    def user(self, name: str) -> str:
        """Add a user and return its token."""
        command = [*self._command, "user", "add", name, "--data", str(self._data)]
        done = subprocess.run(command, cwd=self.checkout, env=self._env, capture_output=True, text=True, check=True)
        found = re.search(r"\b[0-9a-f]{64}\b", done.stdout)
        assert found, done.stdout
        return found[0]

    def web_memory(self) -> int:
        """Return the resident bytes of the web processes together, and 0 if they are gone."""
        port, total = self.url.rpartition(":")[2], 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                if b"gunicorn" in command and f":{port}\0".encode() in command:
                    total += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
            except OSError:
                continue
        return total


def command_of(checkout: Path) -> str:
    """Return MODULE:FUNCTION of the command `e1`, which an older checkout has in another package."""
    for project in (checkout / "packaging" / "e1-client", checkout):
        if (file := project / "pyproject.toml").exists():
            scripts = tomllib.loads(file.read_text())["project"].get("scripts", {})
            if "e1" in scripts:
                return str(scripts["e1"])
    raise SystemExit(f"{checkout} has no command e1")


class Watch:
    """Another user, who asks again and again in a process of its own, and the memory of the web processes meanwhile."""

    def __init__(self, service: Service, url: str, token: str, paths: Sequence[str]) -> None:
        self._service, self._paths = service, paths
        spawn = multiprocessing.get_context("spawn")
        self._ended, self._found = spawn.Event(), spawn.Queue()
        self._users = [
            spawn.Process(target=ask, args=(url, token, path, self._ended, self._found), daemon=True) for path in paths
        ]
        self._scales = threading.Thread(target=self._weigh)
        self.seconds: dict[str, list[float]] = {}
        self.failures = 0
        self.peak = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch while the block runs. Every path is asked at least once."""
        for user in self._users:
            user.start()
        self._scales.start()
        try:
            yield
        finally:
            self._ended.set()
            for _ in self._users:
                path, seconds, failures = self._found.get(timeout=2 * PATIENCE)
                self.seconds[path] = seconds
                self.failures += failures
            for user in self._users:
                user.join()
            self._scales.join()

    def _weigh(self) -> None:
        while not self._ended.wait(0.1):
            self.peak = max(self.peak, self._service.web_memory())


def ask(url: str, token: str, path: str, ended: Any, found: Any) -> None:
    """Ask for a path until `ended`, and put (path, seconds of each answer, number of answers that were not 200)."""
    host, port = url.removeprefix("http://").split(":")
    headers = {"Authorization": f"Token {token}"} if path.startswith("/api/") else {}
    seconds: list[float] = []
    failures = 0
    while not seconds or not ended.wait(PAUSE):
        started = time.monotonic()
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            failures += answer.status != 200
        except (OSError, http.client.HTTPException):
            failures += 1
        finally:
            connection.close()
        seconds.append(time.monotonic() - started)
    found.put((path, seconds, failures))


@dataclass
class Row:
    """One attack on one service: seconds of the other user's answers as (median, worst), memory in MiB."""

    attack: str
    service: str
    clients: int
    answers: dict[str, int]
    livez: tuple[float, float]
    page: tuple[float, float]
    job: tuple[float, float]
    failures: int
    before: int
    peak: int
    after: int


def measure(kind: Kind, name: str, service: Service, url: str, target: Target, job: str, options: Options) -> Row:
    target.url, count = url, kind.small if options.small else kind.count
    target.answers.clear()
    paths = ("/livez", "/login/", f"/api/jobs/{job}/")
    watch = Watch(service, url, service.token, paths)
    before = service.web_memory()
    with watch.running(), kind.begin(target, count):
        time.sleep(options.seconds)
    recover(url)
    time.sleep(2)
    took = [(statistics.median(watch.seconds[path]), max(watch.seconds[path])) for path in paths]
    memory = [size // MIB for size in (before, watch.peak, service.web_memory())]
    return Row(kind.name, name, count, dict(target.answers), *took, watch.failures, *memory)


def recover(url: str) -> None:
    """Wait until the service answers quickly again, so that an attack does not count for the next one."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/livez", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(1)


@dataclass
class Options:
    small: bool
    seconds: float
    nginx: bool
    kinds: Sequence[Kind]


def attacked(name: str, checkout: Path, options: Options) -> Iterator[Row]:
    """Run one checkout's service, and yield a row for each attack."""
    with tempfile.TemporaryDirectory(prefix="e1-attacks-", ignore_cleanup_errors=True) as path:
        service = Service(checkout, Path(path))
        nginx: Nginx | None = None
        try:
            service.start()
            target = Target(service.url, service.user("attacker"))
            job = submitted(service.url, service.token, 1, {})
            target.big_job = submitted(
                service.url, target.token, 600 if options.small else 2000, {"include": ["per_token"]}
            )
            places = [(name, service.url)]
            if options.nginx:
                nginx = Nginx(
                    Path(path) / "nginx",
                    {"E1_PROXY_WEB": service.url.removeprefix("http://"), "E1_PROXY_FILES": path},
                    templates=checkout / "deploy" / "nginx",
                )
                nginx.start()
                places.append((f"{name}, nginx", nginx.http))
            for kind in options.kinds:
                for place, url in places:
                    yield measure(kind, place, service, url, target, job, options)
        finally:
            if nginx is not None:
                nginx.stop()
            service.stop()


def submitted(url: str, token: str, count: int, params: dict[str, object]) -> str:
    """Return a finished job of so many sequences. Its first item has a result of some megabytes if it is large."""
    first = {"sequence": (SEQUENCE * 11)[:2048] if count > 1 else SEQUENCE}
    items = [first] + [{"sequence": SEQUENCE}] * (count - 1)
    body = {"model": "e1-demo", "action": "encode", "params": params, "items": items}
    with httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=PATIENCE) as client:
        answer = client.post("/api/jobs/", json=body)
        job = answer.raise_for_status().json()["id"]
        while (state := client.get(f"/api/jobs/{job}/").json()["state"]) != "succeeded":
            assert state in ("queued", "running", "finalizing"), state
            time.sleep(0.5)
    return str(job)


HEAD = (
    "| attack | service | clients | answers | /livez s | page s | job s | failed | memory MiB |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(row.answers.items()))
    times = [f"{median:.2f} / {worst:.1f}" for median, worst in (row.livez, row.page, row.job)]
    memory = f"{row.before} / {row.peak} / {row.after}"
    cells = [row.attack, row.service, str(row.clients), answers, *times, str(row.failures), memory]
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.security.measure", description=__doc__)
    parser.add_argument("attacks", nargs="*", metavar="TEXT", help="only the attacks whose names contain one of these")
    parser.add_argument("--checkout", action="append", metavar="NAME=FOLDER", help="a checkout, this one by default")
    parser.add_argument("--nginx", action="store_true", help="also behind nginx")
    parser.add_argument("--small", action="store_true", help="a short trial: fewer clients, four seconds an attack")
    parser.add_argument("--seconds", type=float, help=f"length of an attack (default {ATTACK_SECONDS:g})")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    given = parser.parse_args(arguments)
    kinds = [kind for kind in KINDS if not given.attacks or any(text in kind.name for text in given.attacks)]
    options = Options(given.small, given.seconds or (4 if given.small else ATTACK_SECONDS), given.nginx, kinds)
    checkouts = [one.partition("=") for one in given.checkout or [f"now={ROOT}"]]
    rows: list[Row] = []
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        "seconds are median / worst, memory is before / at the peak / after"
    )
    print(HEAD, flush=True)
    for name, _, folder in checkouts:
        for row in attacked(name, Path(folder).resolve(), options):
            rows.append(row)
            print(line(row), flush=True)
            if given.json:
                given.json.write_text(json.dumps([asdict(one) for one in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
