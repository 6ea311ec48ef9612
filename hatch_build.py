"""Hatchling's hook: a wheel has the pages' scripts and styles, and the documents that `/help/` shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetsAreThere(BuildHookInterface):  # type: ignore[type-arg]
    """A check before the build. A wheel without these files would install, but show pages without styles or help."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        manifest = Path(self.root) / "jobs" / "static" / "jobs" / "dist" / "manifest.json"
        if version != "editable" and not manifest.is_file():
            raise FileNotFoundError(f"{manifest} is missing: run `make setup`, which builds the pages' assets")
        if version != "editable":
            build_data["force_include"] |= self._documents()

    def _documents(self) -> dict[str, str]:
        """Return the place in the wheel of each document and each picture of one."""
        docs = Path(self.root) / "docs"
        if not (docs / "README.md").is_file():
            raise FileNotFoundError(f"{docs} is missing: build the wheel in a whole checkout")
        files = [*docs.rglob("*.md"), *docs.rglob("*.png")]
        return {str(file): f"jobs/help/documents/{file.relative_to(docs).as_posix()}" for file in files}
