"""The map of the project is true: its tree has every folder, and every path that the guides name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "structures.md"
GUIDES = [PAGE, ROOT / "docs" / "add-a-feature.md", ROOT / "docs" / "add-an-action.md", ROOT / "CONTRIBUTING.md"]
PACKAGES = ("e1protocol", "e1client", "e1site", "jobs", "worker")
MODULE = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.[a-z_0-9]+)+")
FILE = re.compile(r"[\w./*-]+\.(?:py|ts|md|toml|css|html|ya?ml|json|sh)|[\w.*-]+/[\w./*-]*")
EXAMPLE = re.compile(r"[A-Z]{3}|\bnotes\b")
"""Placeholders such as FEATURE, and the feature that docs/add-a-feature.md adds."""
BASES = ("", "frontend/src", "jobs/models", "jobs/science", "jobs/templates/jobs")
"""Folders of the columns in the tables of docs/structures.md, which name files from there."""


def tree() -> set[str]:
    """Return the folders that the page's tree lists, as paths from the root."""
    text = PAGE.read_text().partition("```text\n")[2].partition("```")[0]
    folders, parents = set[str](), list[str]()
    for line in text.splitlines():
        match = re.fullmatch(r"( *)(\w+)/ +\S.*", line)
        assert match, f"not a folder and what it is for: {line}"
        indent, name = match.groups()
        parents = [*parents[: len(indent) // 2], name]
        folders.add("/".join(parents))
    return folders


def folders_with_sources(parent: str) -> set[str]:
    """Return the folders of Python modules or templates directly in `parent`, as paths from the root."""
    folders = [one for one in (ROOT / parent).iterdir() if one.is_dir() and one.name != "__pycache__"]
    return {f"{parent}/{one.name}" for one in folders if any(one.rglob("*.py")) or any(one.rglob("*.html"))}


def test_the_tree_lists_every_folder_of_the_packages():
    listed = tree()
    assert set(PACKAGES) <= listed
    opened = {folder.rpartition("/")[0] for folder in listed if folder.count("/") == 2}
    for parent in (*PACKAGES, *sorted(opened)):
        assert not folders_with_sources(parent) - listed


def test_each_folder_of_the_tree_exists():
    assert not {folder for folder in tree() if not (ROOT / folder).is_dir()}


def named_paths(guide: Path) -> set[str]:
    """Return the files, folders and dotted modules that a guide names in inline code."""
    text = re.sub(r"```.*?```", "", guide.read_text(), flags=re.DOTALL)
    code = re.findall(r"`([\w./*-]+)`", text)
    return {one for one in code if (MODULE.fullmatch(one) or FILE.fullmatch(one)) and not EXAMPLE.search(one)}


def is_there(name: str) -> bool:
    """Return whether a path or a module exists. A bare `services.py` means that file of any feature."""
    if MODULE.fullmatch(name):
        module = ROOT.joinpath(*name.split("."))
        return module.is_dir() or module.with_suffix(".py").is_file()
    if any(any((ROOT / base).glob(name.rstrip("/"))) for base in BASES):
        return True
    return "/" not in name and any((ROOT / "jobs").glob(f"*/{name}"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_each_path_in_the_guides_exists(guide):
    paths = named_paths(guide)
    assert len(paths) > 3
    assert not {path for path in paths if not is_there(path)}


@pytest.mark.parametrize("document", sorted((ROOT / "docs").rglob("*.md")), ids=lambda document: document.name)
def test_each_module_in_the_documents_exists(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    modules = {one for one in re.findall(r"`([\w.]+)`", text) if MODULE.fullmatch(one)}
    # A document may name a function of a module.
    assert not {one for one in modules if not is_there(one) and not is_there(one.rpartition(".")[0])}
