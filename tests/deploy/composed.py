"""The deployment's files as data, resolved as Docker Compose does."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
MAIN = ROOT / "docker-compose.yml"
WORKER = ROOT / "deploy" / "worker.yml"
FILES = (MAIN, WORKER, ROOT / "deploy" / "tls.yml", ROOT / "deploy" / "expose.yml")

INTERPOLATION = re.compile(r"(?<!\$)\$\{(\w+)(?:(:?[-?])([^}]*))?\}")


@cache
def services(path: Path) -> dict[str, dict[str, Any]]:
    """Return the file's services with anchors resolved and `${...}` unchanged."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    return found


def filled(value: str) -> str:
    """Return the value in a container if no variable is set: defaults filled in, `$$` turned into `$`."""
    text = INTERPOLATION.sub(lambda found: (found[3] or "") if "-" in (found[2] or "") else "", value)
    return text.replace("$$", "$")


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found, f"{duration!r} is not a number of seconds"
    return int(found[1])


@cache
def stages() -> dict[str, str]:
    """Return the text of the Dockerfile's stages by name."""
    parts = re.split(r"^(?=FROM )", DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]
    named = {}
    for part in parts:
        found = re.match(r"FROM \S+ AS (\S+)", part)
        assert found, part
        named[found[1]] = part
    return named
