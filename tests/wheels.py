"""Building the wheels of the checkout, and installing them as a user does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.needed import unavailable

CHECKOUT = Path(__file__).resolve().parents[1]
CLIENT = CHECKOUT / "packaging" / "e1-client"
INSTALL_SECONDS = 900


def built(folder: Path, project: Path) -> Path:
    # Without isolation: the build needs hatchling only, which `make setup` has installed.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def installed(folder: Path, *wheels: Path) -> Path:
    """Make an empty environment with these wheels and what they need; return its folder of commands."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_SECONDS)
    programs = folder / "bin"
    command = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--no-input", *map(str, wheels)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode != 0:
        unavailable(f"the wheels cannot be installed: {done.stderr.strip()[-500:]}")
    return programs
