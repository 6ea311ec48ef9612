"""Repeatable images: lists of packages with hashes, their check at the build, and digests of base images."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.composed import INTERPOLATION, MAIN, ROOT, filled, services, stages
from tests.wheels import CLIENT, built

DEPLOY = ROOT / "deploy"
DIGEST = "sha256:" + "5e" * 32
SECONDS = 600

spec = importlib.util.spec_from_file_location("lock", DEPLOY / "lock.py")
assert spec is not None
assert spec.loader is not None
lock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lock)


def package(name: str, *, is_direct: bool = False, **hashes: str) -> dict[str, Any]:
    """Return an entry of pip's report."""
    info = {"url": "https://mirror.example.org/x.whl", "archive_info": {"hashes": hashes}}
    return {"download_info": info, "is_direct": is_direct, "metadata": {"name": name, "version": "1.5"}}


# --- lists of packages -----------------------------------------------------------------------------------------------
def test_a_list_has_versions_and_hashes_and_no_address():
    mine = package("e1-service", is_direct=True, sha256="00")
    text = lock.lock_of({"install": [package("zlib-ng", sha256="ab"), package("Django", sha256="cd"), mine]})
    assert text == "Django==1.5 --hash=sha256:cd\nzlib-ng==1.5 --hash=sha256:ab\n"


def test_a_package_without_a_hash_is_refused():
    with pytest.raises(SystemExit, match="torch has no hash"):
        lock.lock_of({"install": [package("torch")]})


def install(folder: Path, name: str, *requirements: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the images with the lists of this folder."""
    shutil.copy(DEPLOY / "install", folder / "install")
    command = ["sh", str(folder / "install"), name, *requirements]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.fixture
def pip(tmp_path):
    """Return a program that records its arguments in place of pip."""
    program = tmp_path / "pip"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    program.chmod(0o755)
    return program


def test_a_build_installs_the_list_then_our_wheels_then_checks(tmp_path, pip):
    (tmp_path / "web.txt").write_text("Django==1.5 --hash=sha256:cd\n")
    wheels = ("/wheels/client.whl", "/wheels/service.whl[science]")
    done = install(tmp_path, "web", "torch>=2", *wheels, E1_PIP=str(pip), PIP_ARGS="--index-url ADDRESS")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"install --no-deps --require-hashes --index-url ADDRESS -r {tmp_path}/web.txt",
        "install --no-deps /wheels/client.whl",
        "install --no-deps /wheels/service.whl",
        "check",
    ]


def test_a_build_without_a_list_says_how_to_make_one(tmp_path, pip):
    refused = install(tmp_path, "web", "/wheels/service.whl", E1_PIP=str(pip))
    assert refused.returncode == 1
    assert "sh deploy/lock cpu" in refused.stderr
    assert not (tmp_path / "calls").exists()
    assert install(tmp_path, "web", "/w.whl[ml]", E1_PIP=str(pip), LOCKED="no", PIP_ARGS="-q").returncode == 0
    assert (tmp_path / "calls").read_text() == "install -q /w.whl[ml]\n"


@pytest.mark.full
@pytest.mark.slow
def test_an_environment_is_repeated_from_its_list_and_a_wrong_hash_is_refused(tmp_path):
    """Use the client's packages instead of an image's: the same two programs, with pip's own index."""
    wheel = built(tmp_path, CLIENT)
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-m", "venv", str(tmp_path / name)], check=True)
    made = [str(tmp_path / "first" / "bin" / "python"), str(DEPLOY / "lock.py"), str(tmp_path / "web.txt"), str(wheel)]
    subprocess.run(made, check=True, timeout=SECONDS)
    listed = (tmp_path / "web.txt").read_text()
    assert re.fullmatch(r"(?:[\w.-]+==[\w.+!-]+ --hash=sha256:[0-9a-f]{64}\n)+", listed)
    assert {"httpx", "typer"} <= {line.partition("==")[0] for line in listed.splitlines()}

    second = tmp_path / "second" / "bin" / "pip"
    done = install(tmp_path, "web", f"{wheel}[extra]", E1_PIP=str(second))
    assert done.returncode == 0, done.stderr
    ask = ["-m", "pip", "freeze", "--exclude", "e1-client"]
    pythons = [str(tmp_path / name / "bin" / "python") for name in ("first", "second")]
    first, again = (subprocess.run([one, *ask], capture_output=True, text=True, check=True).stdout for one in pythons)
    assert first == again != ""

    subprocess.run([str(second), "uninstall", "--yes", "httpx"], check=True, capture_output=True)
    (tmp_path / "web.txt").write_text(re.sub(r"(httpx==\S+ --hash=sha256:)\w{8}", r"\g<1>00000000", listed))
    refused = install(tmp_path, "web", E1_PIP=str(second))
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_every_image_is_installed_from_a_list_that_a_command_makes():
    made = {name for stage in stages().values() for name in re.findall(r"/lock\.py /locks/([\w-]+)\.txt", stage)}
    used = {name for stage in stages().values() for name in re.findall(r"sh /locks/install ([\w-]+)", stage)}
    assert made == used == {"build", "web", "worker-cpu-torch", "worker-cpu", "worker-gpu"}
    for image in ("web", "worker-cpu", "worker-gpu"):
        assert not re.search(r"^[^#]*pip install", stages()[image], re.MULTILINE), "past the list"
    script = (DEPLOY / "lock").read_text()
    assert '"locks-$kind"' in script
    assert {"locks-cpu", "locks-gpu"} <= stages().keys()
    assert "/deploy/locks/*.txt" in (ROOT / ".gitignore").read_text().splitlines()


# --- with a program in place of docker -------------------------------------------------------------------------------
@pytest.fixture
def docker(tmp_path):
    """Return an environment in which `docker` records its arguments and answers with a digest."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho {DIGEST}\nexit ${{FAIL:-0}}\n')
    (folder / "docker").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def run(script: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(DEPLOY / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def test_every_base_image_gets_a_digest(docker):
    images = {name: default for name, _, default in INTERPOLATION.findall(MAIN.read_text()) if name.endswith("_IMAGE")}
    assert len(images) == 7
    done = run("pin", env=docker)
    assert done.returncode == 0, done.stderr
    assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == {
        name: f"{default}@{DIGEST}" for name, default in images.items()
    }
    taken = {service["image"] for service in services(MAIN).values()}
    for service in services(MAIN).values():
        taken |= set(service.get("build", {}).get("args", {}).values())
    assert {filled(value) for value in taken} >= set(images.values())


def test_a_registry_that_does_not_answer_pins_nothing(docker):
    done = run("pin", env={**docker, "FAIL": "1"})
    assert (done.returncode, done.stdout) == (1, "")


def test_the_command_that_makes_lists_builds_the_right_target(docker, tmp_path):
    assert run("lock", env=docker).returncode == 2
    assert run("lock", "cpu", "--build-arg", "TORCH_ARGS=x", env=docker).returncode == 0
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert "--target locks-cpu --output type=local,dest=deploy/locks" in call
    assert "--build-arg TORCH_ARGS=x" in call
