"""The long steps of `make setup`, and what messages recommend to install."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

from e1protocol import extras

ROOT = Path(__file__).parents[2]


@pytest.fixture
def install():
    spec = importlib.util.spec_from_file_location("install_of_setup", ROOT / "packaging" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cuda_is_announced_before_it_is_downloaded(install):
    def words(**machine):
        return " ".join(install.torch_words(**{"linux": True, "gpu": False, "chosen": ()} | machine))

    assert "no NVIDIA GPU" in words()
    assert "5 GB" in words()
    assert f'make setup TORCH_ARGS="--index-url {install.CPU_INDEX}"' in words()
    assert install.CPU_INDEX not in words(gpu=True)
    assert "5 GB" in words(gpu=True)
    assert "CUDA" not in words(linux=False)
    assert "CUDA" not in words(chosen=("--index-url", install.CPU_INDEX))


@pytest.mark.slow
def test_a_long_step_prints_a_line_again_and_again(install, capfd):
    code = "import time\nfor _ in range(400): time.sleep(0.01)\nraise SystemExit(3)"
    assert install.run([sys.executable, "-c", code], terminal=False, every=0.5) == 3
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all("MB written" in line for line in lines)
    assert install.EVERY_SECONDS <= 10


def test_on_a_terminal_pip_shows_its_own_bars(install, capfd):
    assert install.run([sys.executable, "-c", "import sys; print(sys.argv)"], terminal=True) == 0
    assert "--quiet" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("platform", "torch", "gpus", "warned"),
    [
        ("linux", False, (), True),
        ("linux", False, ("nvidia0",), False),
        ("linux", True, (), False),
        ("darwin", False, (), False),
    ],
)
def test_a_recommended_extra_warns_about_cuda(monkeypatch, platform, torch, gpus, warned):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if torch else None)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(gpus))
    command = extras.install_command()
    assert command.startswith("pip install '.[service]' in a checkout")
    assert ("5 GB of CUDA" in command) == warned
    assert (extras.CPU_INDEX in command) == warned
    assert (f"'{extras.TORCH}'" in command) == warned


def test_every_page_and_message_names_the_same_range_of_torch(install):
    """Pip would install a newer one, and then replace it by the build with CUDA."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["ml"]
    assert extras.TORCH in wanted
    assert install.TORCH == extras.TORCH
    commands = [
        (path.name, found)
        for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for found in re.findall(r"pip install [^\n`]*\btorch\b[^\n`]*", path.read_text())
    ]
    assert len(commands) >= 3
    assert [one for one in commands if f"'{extras.TORCH}'" not in one[1]] == []
