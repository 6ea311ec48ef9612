"""The two distributions: what their wheels hold, and that a wheel never lacks the pages' styles."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path

import pytest

from e1client.examples import EXAMPLES
from tests.wheels import CHECKOUT, CLIENT, built

DIST = "jobs/static/jobs/dist"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    return zipfile.ZipFile(built(tmp_path_factory.mktemp("service"), CHECKOUT))


@pytest.fixture(scope="module")
def client_wheel(tmp_path_factory) -> zipfile.ZipFile:
    return zipfile.ZipFile(built(tmp_path_factory.mktemp("client"), CLIENT))


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def packages(wheel: zipfile.ZipFile) -> set[str]:
    return {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_file_that_the_pages_ask_for(wheel):
    names = set(wheel.namelist())
    manifest = json.loads(wheel.read(f"{DIST}/manifest.json"))
    assert {"src/main.ts", "src/new-job.ts"} <= manifest.keys()
    for entry in manifest.values():
        for file in (entry["file"], *entry.get("css", ()), *entry.get("assets", ())):
            assert f"{DIST}/{file}" in names
    assert any(name.endswith(".css") and b"--e1-panel" in wheel.read(name) for name in names if name.startswith(DIST))


def test_the_wheel_holds_templates_checkpoint_and_migrations_but_no_test(wheel):
    names = wheel.namelist()
    for name in (
        "jobs/templates/jobs/web/base.html",
        "jobs/static/jobs/theme.js",
        "jobs/help/documents/README.md",
        "jobs/help/documents/adr/0001-postgres-is-the-queue.md",
        "jobs/help/documents/images/item.png",
        "jobs/migrations/0001_squashed.py",
        "jobs/migrations/0001_squashed_0027_public_projects.py",
        "worker/model/checkpoints/e1-demo/model.safetensors",
    ):
        assert name in names
    assert packages(wheel) == {"e1site", "jobs", "worker"}


def test_the_clients_wheel_holds_two_typed_packages_and_the_command(client_wheel):
    assert packages(client_wheel) == {"e1client", "e1protocol"}
    assert {"e1client/py.typed", "e1protocol/py.typed"} <= set(client_wheel.namelist())
    assert {f"e1client/examples/{name}" for name in EXAMPLES} <= set(client_wheel.namelist())
    sources = {
        f"{path.parent.name}/{path.name}" for name in packages(client_wheel) for path in (CHECKOUT / name).glob("*.py")
    }
    assert {name for name in client_wheel.namelist() if name.endswith(".py")} == sources
    assert b"e1 = e1client.cli:main" in client_wheel.read("e1_client-0.1.0.dist-info/entry_points.txt")


def test_the_service_needs_the_client_of_its_version_and_brings_its_commands(wheel):
    from e1client.commands import SERVICE_COMMANDS

    client, service = project(CLIENT), project(CHECKOUT)
    assert f"e1-client=={client['version']}" in service["dependencies"]
    assert client["version"] == service["version"]
    assert set(service["entry-points"]["e1client.commands"]) == set(SERVICE_COMMANDS)
    for target in service["entry-points"]["e1client.commands"].values():
        assert target.partition(":")[0].replace(".", "/") + ".py" in wheel.namelist()


def test_the_client_carries_the_projects_licence():
    assert (CLIENT / "LICENSE").read_bytes() == (CHECKOUT / "LICENSE").read_bytes()


def test_no_wheel_is_built_without_the_assets(tmp_path):
    from hatchling.builders.wheel import WheelBuilder

    (tmp_path / "pyproject.toml").write_text((CHECKOUT / "pyproject.toml").read_text())
    for name in ("hatch_build.py", "README.md", "LICENSE"):
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    for package in ("e1site", "jobs", "worker"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    with pytest.raises(FileNotFoundError, match="make setup"):
        list(WheelBuilder(str(tmp_path)).build(directory=str(tmp_path / "out"), versions=["standard"]))
