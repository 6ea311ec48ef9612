"""`e1 doctor`: look at this machine as the service would, and say what to do. It changes nothing.

Its output is for a bug report, so it has no passwords, tokens or sequences.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from e1client.errors import UsageError
from e1client.network import find_route
from e1client.settings import find_connection
from e1protocol import MODELS
from e1protocol.cores import usable_cores
from e1site.stack import readiness
from e1site.stack.binaries import find_postgres, find_valkey, run_as
from e1site.stack.environment import FOREIGN, STORES, place_of, usable_port
from e1site.stack.errors import StackError
from e1site.stack.folder import DataFolder, is_held, lock_holder

GIB = 1 << 30
SPARE_BYTES, SPARE_SHARE = 5 * GIB, 0.1
EXAMINE_SECONDS = 180
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
PACKAGES = ("e1-service", "e1-client", "django", "celery", "psycopg", "numpy", "torch", "huggingface-hub")

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do if it is not in order."""

    check: str
    state: State
    found: str
    remedy: str = ""


def examine(*, data: Path, models: list[str], host: str, port: int) -> list[Finding]:
    """Return what every check finds, in a fixed order. A check that fails itself is a problem."""
    folder = DataFolder.at(data)
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("versions", _versions),
        ("user", _user),
        ("cores", _cores),
        ("memory", lambda: _memory(models)),
        ("disk", lambda: _disk(folder)),
        ("data", lambda: _data(folder)),
        ("variables", _variables),
        ("network", _network),
        ("postgres", _postgres),
        ("valkey", _valkey),
        ("port", lambda: _port(folder, host, port)),
        ("service", lambda: _service(folder)),
        ("worker", lambda: _worker(models)),
    ]
    findings: list[Finding] = []
    for name, check in checks:
        try:
            findings += check()
        except Exception as error:
            what = f"this check failed: {type(error).__name__}: {error}"
            findings.append(Finding(name, "problem", what, "report this with the whole output"))
    return findings


def lines(findings: list[Finding]) -> Iterator[str]:
    """Yield the findings as text, and how many need attention."""
    for one in findings:
        yield f"{one.state:8} {one.check:10} {one.found}"
        if one.remedy:
            yield f"{'':20}-> {one.remedy}"
    problems = sum(one.state == "problem" for one in findings)
    warnings = sum(one.state == "warning" for one in findings)
    yield f"{problems} problems, {warnings} warnings"


def as_dicts(findings: list[Finding]) -> list[dict[str, Any]]:
    return [asdict(one) for one in findings]


def _versions() -> Iterator[Finding]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    yield Finding("versions", "ok", ", ".join(found))
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()} ({platform.machine()})")


def _user() -> Iterator[Finding]:
    number = os.geteuid()
    try:
        yield Finding("user", "ok", f"user {pwd.getpwuid(number).pw_name} ({number})")
    except KeyError:
        remedy = "PostgreSQL needs a name: add a line to /etc/passwd, or set DATABASE_URL to a running server"
        yield Finding("user", "warning", f"the user id {number} has no name on this machine", remedy)
    encoding = sys.stdout.encoding or ""
    if encoding.lower().replace("-", "") != "utf8":
        remedy = "set PYTHONIOENCODING=utf-8, or a UTF-8 locale such as LC_ALL=C.UTF-8"
        yield Finding("encoding", "warning", f"output is {encoding}; other letters appear as escapes", remedy)


def _cores() -> Iterator[Finding]:
    usable, all_of_them = usable_cores(), os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    note = f"; OMP_NUM_THREADS={threads}" if threads else ""
    remedy = "taskset, Slurm or a container leaves this process fewer; ask for more" if usable < all_of_them else ""
    yield Finding("cores", "ok", f"{usable} of {all_of_them} may be used{note}", remedy)


def _memory(models: list[str]) -> Iterator[Finding]:
    text = Path("/proc/meminfo").read_text(encoding="ascii") if Path("/proc/meminfo").exists() else ""
    values = {name: int(size) * 1024 for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    if "MemAvailable" not in values:
        return
    # Weights in float32 on a CPU, and as much again for PyTorch, Postgres and the web processes.
    needed = GIB + sum(4 * MODELS[model].parameters for model in models if model in MODELS)
    free = values["MemAvailable"]
    found = f"{_size(free)} of {_size(values['MemTotal'])} available; these models need about {_size(needed)} on a CPU"
    short = free < needed
    yield Finding("memory", "warning" if short else "ok", found, "use a smaller model, or more memory" if short else "")


def _disk(folder: DataFolder) -> Iterator[Finding]:
    for what, place in (("data", _existing(folder.path)), ("temporary", Path(tempfile.gettempdir()))):
        space = shutil.disk_usage(place)
        low = space.free < SPARE_BYTES or space.free < SPARE_SHARE * space.total
        remedy = "make room, or choose another disk with --data (TMPDIR for temporary files)" if low else ""
        found = f"{what}: {_size(space.free)} of {_size(space.total)} free at {place}"
        yield Finding("disk", "warning" if low else "ok", found, remedy)


def _data(folder: DataFolder) -> Iterator[Finding]:
    place = _existing(folder.path)
    if not os.access(place, os.W_OK):
        remedy = "make it writable, or choose another with --data"
        yield Finding("data", "problem", f"{place} cannot be written by this user", remedy)
        return
    if not folder.path.exists():
        yield Finding("data", "ok", f"{folder.path} does not exist yet; the first `e1 up` makes it")
    elif is_held(folder):
        yield Finding("data", "ok", f"{folder.path} is in use by process {lock_holder(folder) or 'of an ending stack'}")
    else:
        yield Finding("data", "ok", f"{folder.path} is free; no service runs on it")
    for server in sorted(folder.path.glob("postgres-*")):
        yield Finding("data", "ok", f"it has {server.name}")
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Finding("locks", "ok", f"file locks work in {place}")
    except OSError as error:
        remedy = "network file systems may have none: put the data folder on a local disk"
        yield Finding("locks", "problem", f"file locks do not work in {place} ({error.strerror})", remedy)


def _variables() -> Iterator[Finding]:
    if foreign := sorted(name for name in os.environ if FOREIGN.fullmatch(name)):
        yield Finding("variables", "ok", f"of other programs, not used: {', '.join(foreign)}")
    for name in STORES:
        if url := os.environ.get(name):
            yield Finding(
                "variables", "ok", f"{name} names {place_of(url)}; `e1 up` starts no server of its own for it"
            )
    own = sorted(name for name in os.environ if name.startswith("E1_"))
    if own:
        yield Finding("variables", "ok", f"set: {', '.join(own)}")


def _network() -> Iterator[Finding]:
    named = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    spared = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "nothing"
    if named:
        yield Finding("proxies", "ok", f"{', '.join(named)} set; NO_PROXY spares {spared}")
    try:
        connection = find_connection()
        route = find_route(connection)
        route.context()
    except UsageError as error:
        yield Finding("network", "problem", error.detail, "correct the variable that the message names")
        return
    yield Finding("network", "ok", f"the client goes to {connection.url}{route.words or ' directly'}")


def _postgres() -> Iterator[Finding]:
    if os.environ.get("DATABASE_URL"):
        return
    try:
        binaries = find_postgres()
        run_as()
    except StackError as error:
        yield Finding("postgres", "problem", str(error), "install one, or set DATABASE_URL")
        return
    yield Finding("postgres", "ok", f"{_said(binaries / 'postgres')} in {binaries}")


def _valkey() -> Iterator[Finding]:
    if os.environ.get("REDIS_URL"):
        return
    try:
        binary = find_valkey()
    except StackError as error:
        yield Finding("valkey", "problem", str(error), "install one, or set REDIS_URL")
        return
    yield Finding("valkey", "ok", f"{_said(binary)} at {binary}")


def _port(folder: DataFolder, host: str, port: int) -> Iterator[Finding]:
    if is_held(folder):
        return
    try:
        usable_port(host, port)
    except StackError as error:
        yield Finding("port", "problem", str(error), "choose another with --port")
    else:
        yield Finding("port", "ok", f"port {port} of {host} is free")


def _service(folder: DataFolder) -> Iterator[Finding]:
    if not is_held(folder):
        return
    if not folder.address_file.exists():
        remedy = f"look into {folder.logs}"
        yield Finding("service", "warning", "the service is starting, stopping, or waits for a worker", remedy)
        return
    url = folder.address_file.read_text(encoding="ascii").strip()
    parts = urlsplit(url)
    red = readiness.red(parts.hostname or "", parts.port or 80)
    found = f"{url} is not ready: {red}" if red else f"{url} is ready"
    yield Finding("service", "problem" if red else "ok", found, f"look into {folder.logs}" if red else "")


def _worker(models: list[str]) -> Iterator[Finding]:
    command = [sys.executable, "-m", "worker.examine", *models]
    done = subprocess.run(command, capture_output=True, text=True, timeout=EXAMINE_SECONDS, check=False)  # noqa: S603 - ours
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
        remedy = "run, in a checkout of e1-service: pip install '.[ml]'. Web and service workers need no PyTorch"
        yield Finding("torch", "problem", f"PyTorch cannot be used: {last}", remedy)
        return
    found = json.loads(done.stdout.splitlines()[-1])
    cpu = f"{found['threads']} threads, {found['instructions']}"
    yield Finding("torch", "ok", f"{found['torch']}, on a CPU {cpu}")
    for number, device in enumerate(found["devices"]):
        memory = f"{_size(device['free_bytes'])} of {_size(device['total_bytes'])} free"
        yield Finding("device", "ok", f"GPU {number}: {device['name']}, {memory}")
    if not found["devices"]:
        cards = list(Path("/dev").glob("nvidia[0-9]*"))
        what = f"PyTorch sees no GPU, and this machine has {len(cards)}" if cards else "no GPU; workers use the CPU"
        driver = "the driver may be too old for this PyTorch, or CUDA_VISIBLE_DEVICES hides it: look at nvidia-smi"
        yield Finding("device", "problem" if cards else "ok", what, driver if cards else "")
    compiler = found["compiler"] or "no C compiler: workers compute a little slower on a CPU"
    yield Finding("compiler", "ok", compiler)
    for model, precision in found["precision"].items():
        yield Finding("precision", "ok", f"{model} in {precision}; attention {found['attention'][model]}")
    for model, weights in found["weights"].items():
        if place := weights.get("place"):
            yield Finding("weights", "ok", f"{model} in {place}")
        else:
            yield Finding("weights", "warning", f"{model}: {weights['trouble']}")


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def _said(program: Path) -> str:
    """Return what a server says about its version."""
    asked = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - found above
    return (asked.stdout or asked.stderr).strip().splitlines()[0][:80]


def _size(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
