"""`make demo`: a library of 240 proteins from file to embeddings, through the whole service.

Uses the service that already runs on `.local`, or starts one for the time of the job. The data stay in `.local`, so the
dashboard shows the job afterwards in either case.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e1client.api import Client
from e1client.job import Job
from e1site.stack.environment import usable_port
from e1site.stack.folder import DataFolder, is_held

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
LIBRARY = HERE / "demo-library.fasta"
MODEL = "e1-demo"


def main() -> int:
    """Run the demonstration; return the exit status, 0 if every protein has its embedding."""
    data = Path(os.environ.get("E1_DATA", CHECKOUT / ".local"))
    results = CHECKOUT / "results"
    results.mkdir(exist_ok=True)
    with service(data) as url, Client(url, (data / "token").read_text(encoding="ascii").strip()) as client:
        job = run_job(client)
        files = [client.download(job.id, results / f"demo.{suffix}") for suffix in ("npz", "jsonl")]
    print()
    print("Results:")
    for file in files:
        print(f"  {os.path.relpath(file)}")
    print("See the job on the dashboard: run `make up` and open the address it prints.")
    print(f"Log in as admin; the password is in {os.path.relpath(data / 'admin-password')}")
    return 0 if job.state == "succeeded" else 1


def run_job(client: Client) -> Job:
    """Submit the library and wait for it; print the progress as it changes."""
    began = time.monotonic()
    job = client.submit(
        LIBRARY, model=MODEL, action="encode", params={"include": ["mean"]}, name="Demonstration library"
    )
    print(f"job {job.id}: {job.total} proteins to {MODEL}, mean embeddings")
    shown = -1

    def show(now: Job) -> None:
        nonlocal shown
        if now.finished_items != shown:
            shown = now.finished_items
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
    # Any free port, because a service on other data may have taken the usual one.
    port = str(usable_port("127.0.0.1", 0))
    command = [str(Path(sys.executable).with_name("e1")), "up", "--port", port, "--data", str(data), "--model", MODEL]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield wait_ready(launcher)
    finally:
        launcher.send_signal(signal.SIGINT)
        for _ in launcher.stdout or ():
            pass  # the lines of an orderly stop
        if launcher.wait() != 0:
            print(f"the service ended with status {launcher.returncode}; logs are in {folder.logs}", file=sys.stderr)


def wait_ready(launcher: subprocess.Popen[str]) -> str:
    """Print the output of `e1 up` until it is ready; return its URL."""
    for line in launcher.stdout or ():
        print(f"  {line.rstrip()}", flush=True)
        if line.startswith("ready "):
            return line.split()[1]
    raise SystemExit(f"`e1 up` ended with status {launcher.wait()} before it was ready")


if __name__ == "__main__":
    sys.exit(main())
