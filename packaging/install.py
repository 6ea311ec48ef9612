"""`python packaging/install.py torch|service [ARGUMENTS OF PIP]`: the two long steps of `make setup`, which calls it.

It prints how much is downloaded before it begins. On a terminal pip shows its bars. Elsewhere a line appears at least
every ten seconds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

TORCH = "torch>=2.9,<2.14"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SERVICE = ("-e", "./packaging/e1-client", "-e", ".[service,dev]")
EVERY_SECONDS = 10.0
TIME_TO_STOP = 10.0
MB = 1_000_000


def torch_words(*, linux: bool, gpu: bool, chosen: Sequence[str]) -> Iterator[str]:
    """Yield what the installation of PyTorch brings; `chosen` are arguments of pip that the user gave."""
    if chosen:
        yield f"with {' '.join(chosen)}: a CPU build is about 200 MB to download and 0.8 GB on disk"
    elif linux and gpu:
        yield "the standard build with CUDA: about 3 GB to download, and 5 GB on disk"
    elif linux:
        yield "this machine shows no NVIDIA GPU, and the standard build brings CUDA: 3 GB to download, 5 GB on disk"
        yield "the CPU build is 200 MB to download and 0.8 GB on disk; to have it, stop here (Ctrl-C) and run"
        yield f'    make setup TORCH_ARGS="--index-url {CPU_INDEX}"'
    else:
        yield "about 100 MB to download"


def run(command: Sequence[str], *, terminal: bool, every: float = EVERY_SECONDS) -> int:
    """Run pip and return its exit status. Without a terminal, print a line after every so many seconds."""
    if terminal:
        return subprocess.call(command)
    began, free = time.monotonic(), shutil.disk_usage(".").free
    process = subprocess.Popen([*command, "--quiet"])
    while True:
        try:
            return process.wait(timeout=every)
        except subprocess.TimeoutExpired:
            written = max(0, free - shutil.disk_usage(".").free) // MB
            print(f"  {time.monotonic() - began:.0f} s, {written:,} MB written", flush=True)


def main() -> int:
    """Install one of the two, and return the exit status of pip."""
    what, *chosen = sys.argv[1:]
    terminal = sys.stdout.isatty()
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if what == "torch":
        linux, gpu = sys.platform == "linux", any(Path("/dev").glob("nvidia[0-9]*"))
        print("setup 1/2: installing PyTorch")
        for line in torch_words(linux=linux, gpu=gpu, chosen=chosen):
            print(f"  {line}", flush=True)
        if terminal and linux and not gpu and not chosen:
            print(f"  it goes on in {TIME_TO_STOP:.0f} s", flush=True)
            time.sleep(TIME_TO_STOP)
        return run([*pip, TORCH, *chosen], terminal=terminal)
    print("setup 2/2: installing the service, its servers and the test tools: about 150 MB to download, 1 GB on disk")
    return run([*pip, *SERVICE, *chosen], terminal=terminal)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
