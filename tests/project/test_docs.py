"""The documents name the settings, methods, modules and tests of the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e1protocol.extras import CPU_INDEX
from tests.docs.pages import PAGES, blocks

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("e1client", "e1site", "jobs", "worker") for path in (ROOT / folder).rglob("*.py")]
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "examples" / "README.md"]


def test_every_setting_is_in_the_example_environment():
    settings = (ROOT / "e1site" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', settings)) | {"E1_WEIGHTS"}
    documented = set(re.findall(r"^#?\s*([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert len(read) > 5
    assert read <= documented, read - documented


def test_nobody_is_told_to_install_from_a_registry_what_is_in_none():
    for path in [*SOURCES, *DOCUMENTS]:
        assert not re.search(r"pip install '?e1-service", path.read_text()), f"{path}: write '.[EXTRA]' in a checkout"


def test_each_method_of_the_client_stands_in_its_table():
    from e1client import Client

    page = (ROOT / "docs" / "client.md").read_text()
    table = [
        line.split("|")[1] for line in page.partition("| call | what |")[2].partition("\n\n")[0].splitlines() if line
    ]
    named = {name for cell in table for name in re.findall(r"`(\w+)", cell)}
    methods = {name for name in dir(Client) if not name.startswith("_")}
    assert named == methods, "the table of calls in docs/client.md names each method of Client, and no other"


def test_the_index_lists_each_page_once():
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    linked = re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs" / "README.md").read_text())
    assert sorted(linked) == sorted(pages)


def test_the_first_page_is_short_and_says_what_the_demonstration_cannot_do():
    page = (ROOT / "README.md").read_text()
    assert len(page.splitlines()) < 90
    assert page.count("](docs/images/") == 1
    assert {"make demo", "make test"} <= {line.partition("  ")[0] for line in page.splitlines()}
    assert "its contact maps are noise" in re.sub(r"[\s>]+", " ", page).lower()


ELSEWHERE = {"deploy.md", "slurm.md"}
"""Pages about machines with an installation of their own: containers, nodes of a cluster."""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_with_the_command_says_how_it_gets_on_the_path(page):
    text = page.read_text()
    used = [block for block in blocks(text) if re.search(r"^\s*(e1|python) ", block.code, re.MULTILINE)]
    if used and page.name not in ELSEWHERE:
        assert re.search(r"source \S+/bin/activate", text), f"line {used[0].line}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.replace("`", "").lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_sections_lead_to_a_heading(document):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", document.read_text()):
        if not target.startswith("http"):
            page = document.parent / target if target else document
            assert anchor in anchors(page), f"{target}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (document.parent / target).exists(), target


def test_the_sources_name_no_machine_and_no_registry():
    forbidden = re.compile(r"/work/|/root/|pypi\.org|registry\.npmjs|download\.pytorch")
    others = [ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run", "packaging/install.py")]
    for path in [*SOURCES, *DOCUMENTS, *(ROOT / "e1protocol").glob("*.py"), *others]:
        # A person without a GPU needs the address of PyTorch's own builds before anything is installed.
        assert not forbidden.search(path.read_text().replace(CPU_INDEX, "")), path


def test_the_address_of_the_cpu_build_is_the_same_everywhere():
    assert f'CPU_INDEX = "{CPU_INDEX}"' in (ROOT / "packaging" / "install.py").read_text()
    assert f"--index-url {CPU_INDEX}" in (ROOT / "docs" / "install.md").read_text()


def test_each_promise_names_a_test_that_exists():
    page = (ROOT / "docs" / "guarantees.md").read_text()
    promises = [line for line in page.partition("## How")[0].splitlines() if line.startswith("| ")][1:]
    assert len(promises) > 20
    for promise in promises:
        (named,) = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", promise) or pytest.fail(f"no test: {promise}")
        file, test = named
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), promise
