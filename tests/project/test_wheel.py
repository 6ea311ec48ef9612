"""What a wheel holds: pages without their styles would be found out by users only."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
DIST = "jobs/static/jobs/dist"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    # Without isolation: the build needs hatchling only, which `make setup` has installed.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


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
        "jobs/migrations/0001_squashed.py",
        "e1client/py.typed",
        "worker/model/checkpoints/e1-demo/model.safetensors",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("tests/", "frontend/", "examples/"))]


def test_no_wheel_is_built_without_the_assets(tmp_path):
    from hatchling.builders.wheel import WheelBuilder

    (tmp_path / "pyproject.toml").write_text((CHECKOUT / "pyproject.toml").read_text())
    for name in ("hatch_build.py", "README.md", "LICENSE"):
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    for package in ("e1client", "e1site", "jobs", "worker"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    with pytest.raises(FileNotFoundError, match="make setup"):
        list(WheelBuilder(str(tmp_path)).build(directory=str(tmp_path / "out"), versions=["standard"]))
