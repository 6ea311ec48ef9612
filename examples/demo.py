"""`make demo`: a library of 240 proteins from file to embeddings, through the whole service.

Uses the service that already runs on `.local`, or starts one for the time of the job. The data stay in `.local`, so the
dashboard shows the job afterwards in either case.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from e1client.api import Client
from e1client.job import Job
from e1client.settings import DEFAULT_HOST, DEFAULT_PORT
from e1site.stack.environment import usable_port
from e1site.stack.errors import StackError
from e1site.stack.folder import DataFolder, is_held

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
LIBRARY = HERE / "demo-library.fasta"
MODEL = "e1-demo"
PAIRS = 10


def main() -> int:
    """Run the demonstration; return the exit status, 0 if every protein has its embedding."""
    data = Path(os.environ.get("E1_DATA", CHECKOUT / ".local"))
    results = CHECKOUT / "results"
    results.mkdir(exist_ok=True)
    with service(data) as url, Client(url, (data / "token").read_text(encoding="ascii").strip()) as client:
        password = os.path.relpath(data / "admin-password")
        job = run_job(client, url, password)
        files = [client.download(job.id, results / f"demo.{suffix}") for suffix in ("npz", "jsonl")]
        arrays = client.results(job)
    print()
    for line in table(arrays.names, arrays.mean()):
        print(line)
    print()
    print(f"Results: {' and '.join(os.path.relpath(file) for file in files)}")
    print("What next:")
    print("  source .venv/bin/activate    # once in a terminal: it puts the command e1 on the path")
    print(f"  make up                      # then open its address, log in as admin; password in {password}")
    print("  e1 submit YOUR.fasta --action encode --model e1-demo --wait --out yours.npz    # in a second terminal")
    return 0 if job.state == "succeeded" else 1


def table(names: Sequence[str], vectors: NDArray[np.float32]) -> Iterator[str]:
    """Yield a heading and the ten pairs of different proteins whose embeddings are most alike."""
    unit = vectors - vectors.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = np.triu(unit @ unit.T, 1)
    best = np.argsort(cosine, axis=None)[::-1][:PAIRS]
    yield f"The {PAIRS} pairs that {MODEL} finds most alike (a demonstration network: no statement about biology)"
    yield f"{'protein':32}  {'protein':32}  cosine"
    for one, other in zip(*np.unravel_index(best, cosine.shape), strict=True):
        yield f"{names[one][:32]:32}  {names[other][:32]:32}  {cosine[one, other]:6.3f}"


def run_job(client: Client, url: str, password: str) -> Job:
    """Submit the library and wait for it; print the progress, at most once a second."""
    began = time.monotonic()
    job = client.submit(
        LIBRARY, model=MODEL, action="encode", params={"include": ["mean"]}, name="Demonstration library"
    )
    print(f"job {job.id}: {job.total} proteins to {MODEL}, mean embeddings")
    print(f"watch it at {url}/jobs/{job.id}/ while this runs, or after `make up`", flush=True)
    print(f"  (log in as admin; the password is in {password})", flush=True)
    shown, told = -1, 0.0

    def show(now: Job) -> None:
        nonlocal shown, told
        if now.finished_items != shown and (now.is_final or time.monotonic() - told >= 1):
            shown, told = now.finished_items, time.monotonic()
            print(f"  {now.state}: {shown} of {now.total}", flush=True)

    job = client.wait(job.id, timeout=1800, on_update=show)
    print(f"job {job.state} after {time.monotonic() - began:.1f} s")
    return job


@contextmanager
def service(data: Path) -> Iterator[str]:
    """Yield the URL of a ready service on this data folder. A service started here is stopped at the end."""
    folder = DataFolder.at(data)
    if is_held(folder):
        try:
            url = folder.address_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise SystemExit(f"a service on {folder.path} is still starting; try again when it is ready") from None
        print(f"using the service that runs at {url}")
        yield url
        return
    port = str(free_port())
    program = str(Path(sys.executable).with_name("e1"))
    # The folder may be of a person's own service, whose last start stays noted there.
    command = [program, "up", "--passing", "--port", port, "--data", str(data), "--model", MODEL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        try:
            yield wait_ready(launcher)
        finally:
            launcher.terminate()  # SIGINT is ignored in what a shell without job control starts in the background
            for _ in launcher.stdout or ():
                pass  # the lines of an orderly stop
            if launcher.wait() != 0:
                print(
                    f"the service ended with status {launcher.returncode}; logs are in {folder.logs}", file=sys.stderr
                )


def free_port() -> int:
    """Return the usual port, so that the page's address is known; another one if a program listens there."""
    try:
        return usable_port(DEFAULT_HOST, DEFAULT_PORT)
    except StackError:
        return usable_port(DEFAULT_HOST, 0)


def wait_ready(launcher: subprocess.Popen[str]) -> str:
    """Print the output of `e1 up` until it is ready; return its URL."""
    for line in launcher.stdout or ():
        print(f"  {line.rstrip()}", flush=True)
        if line.startswith("ready "):
            return line.split()[1]
    raise SystemExit(f"`e1 up` ended with status {launcher.wait()} before it was ready")


if __name__ == "__main__":
    sys.exit(main())
