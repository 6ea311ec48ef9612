"""Podman with its own storage, so that a run touches no other image or container of this machine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Podman wants to raise the limits of open files and processes, which a container or sandbox may forbid.
CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""


@dataclass(frozen=True)
class Podman:
    """Commands on the storage in `folder`. Each raises CalledProcessError, with the output, if it fails."""

    folder: Path
    driver: str = "overlay"

    def prepare(self) -> None:
        (self.folder / "networks").mkdir(parents=True, exist_ok=True)
        (self.folder / "containers.conf").write_text(CONFIGURATION.format(folder=self.folder))

    @property
    def env(self) -> dict[str, str]:
        # Without systemd no timer can run health checks; `composed.Health` does.
        return {**os.environ, "CONTAINERS_CONF": str(self.folder / "containers.conf"), "DISABLE_HC_SYSTEMD": "true"}

    @property
    def command(self) -> list[str]:
        places = ["--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        return ["podman", *places, "--storage-driver", self.driver]

    @property
    def socket(self) -> Path:
        return self.folder / "podman.sock"

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the server that Compose talks to."""
        self.socket.unlink(missing_ok=True)
        with (self.folder / "service.log").open("wb") as log:
            return subprocess.Popen([*self.command, "system", "service", "--time=0", f"unix://{self.socket}"],
                                    env=self.env, stdout=log, stderr=subprocess.STDOUT)  # fmt: skip

    def run(self, *arguments: str, check: bool = True, data: bytes | None = None) -> str:
        """Return the standard output of a command."""
        done = subprocess.run([*self.command, *arguments], env=self.env, input=data, capture_output=True, check=False)
        if check and done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr.decode()[-4000:])
        return done.stdout.decode()

    def build(self, context: Path, *arguments: str, log: Path) -> None:
        """Build an image on the host's network. The output goes to `log`."""
        command = [*self.command, "build", "--network=host", *arguments, str(context)]
        with log.open("ab") as output:
            done = subprocess.run(command, env=self.env, stdout=output, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, command, None, log.read_text(errors="replace")[-4000:])

    def has_image(self, name: str) -> bool:
        return subprocess.run([*self.command, "image", "exists", name], env=self.env, check=False).returncode == 0

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("inspect", name))[0]
        return found

    def containers(self, filters: Mapping[str, str]) -> Sequence[dict[str, Any]]:
        flags = [f"--filter={key}={value}" for key, value in filters.items()]
        listed: list[dict[str, Any]] = json.loads(self.run("ps", "--all", "--format=json", *flags))
        return listed
