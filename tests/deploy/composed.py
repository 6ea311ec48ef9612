"""The deployment's files as data, and what Docker Compose would make of them."""

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
    """The file's services, anchors resolved, `${...}` left as they are."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    return found


def filled(value: str) -> str:
    """The value that a container gets where no variable is set: defaults filled in, `$$` turned into `$`."""
    text = INTERPOLATION.sub(lambda found: (found[3] or "") if "-" in (found[2] or "") else "", value)
    return text.replace("$$", "$")


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found, f"{duration!r} is not a number of seconds"
    return int(found[1])


@cache
def stages() -> dict[str, str]:
    """The Dockerfile's stages by name, each with its text."""
    parts = re.split(r"^(?=FROM )", DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]
    named = {}
    for part in parts:
        found = re.match(r"FROM \S+ AS (\S+)", part)
        assert found, part
        named[found[1]] = part
    return named
