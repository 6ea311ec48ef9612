"""Hatchling's hook that refuses to build a wheel without the pages' scripts and styles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetsAreThere(BuildHookInterface):  # type: ignore[type-arg]
    """A check before the build. A wheel without these files would install, but show pages without styles."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        manifest = Path(self.root) / "jobs" / "static" / "jobs" / "dist" / "manifest.json"
        if version != "editable" and not manifest.is_file():
            raise FileNotFoundError(f"{manifest} is missing: run `make setup`, which builds the pages' assets")
