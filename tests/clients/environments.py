"""Published clients as their users install them: with pip, each into its own virtual environment."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(sys.prefix) / "clients"
"""Folder of the environments, inside the project's own, so that a fresh checkout starts without them."""
NETWORK = Path(__file__).parent / "network"
BUILD_SECONDS, RUN_SECONDS = 300, 300
DEFAULT_THREADS = 16
"""The clients' own default. They refuse to start if it is more than four threads a core."""


@dataclass(frozen=True)
class Published:
    """A client on a registry. Users import `package`; its environment variables begin with `prefix`."""

    distribution: str
    version: str
    package: str
    prefix: str

    @property
    def folder(self) -> Path:
        return HOME / self.distribution

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


BIOLMAI = Published("biolmai", "0.4.0", "biolmai", "BIOLMAI")
BIOLM_SDK = Published("biolm-sdk", "1.7.0", "biolm", "BIOLM")
PUBLISHED = (BIOLMAI, BIOLM_SDK)


def build(published: Published) -> str:
    """Make the environment if it does not exist. Returns why that failed, or an empty string.

    A lock admits one process at a time, because several processes of pytest-xdist need the same environment.
    """
    try:
        HOME.mkdir(exist_ok=True)
        with (HOME / f"{published.distribution}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _build_alone(published)
    except OSError as error:
        return f"{published.distribution} cannot be installed: {error}"


def _build_alone(published: Published) -> str:
    wanted, stamp = f"{published.distribution}=={published.version}", published.folder / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return ""
    shutil.rmtree(published.folder, ignore_errors=True)
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-compile")
    for command in (
        [sys.executable, "-m", "venv", str(published.folder)],
        [str(published.python), "-m", "pip", "install", *quiet, wanted],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=BUILD_SECONDS)
        except subprocess.CalledProcessError as error:
            return f"{wanted} cannot be installed: {error.stderr.strip()[-500:]}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{wanted} cannot be installed: {error}"
    stamp.write_text(wanted)
    return ""


@dataclass(frozen=True)
class Installed:
    """An installed client. `url` and `token` are the service's; `network` holds the address of the hosted site."""

    published: Published
    url: str
    token: str
    network: Mapping[str, str]

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the variables that docs/client.md asks users to set, and none of the caller's settings."""
        prefix = self.published.prefix
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.published.folder),
            "PYTHONPATH": str(NETWORK),
            f"{prefix}_BASE_API_URL": f"{self.url}/api/v3",
            f"{prefix}_TOKEN": self.token,
            f"{prefix}_THREADS": str(min(DEFAULT_THREADS, 4 * (os.cpu_count() or 1))),
            **self.network,
            **changes,
        }

    def start(self, program: str, sent: Any = None, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run a program that may read `sent` as JSON from standard input. PACKAGE in it is the client's package."""
        return subprocess.run(
            [str(self.published.python), "-c", program.replace("PACKAGE", self.published.package)],
            input=json.dumps(sent),
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def run(self, program: str, sent: Any = None, **changes: str) -> Any:
        """Run the program and return the last line that it prints, read as JSON."""
        done = self.start(program, sent, **changes)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])
