"""Each block of README and `docs/` runs as written, in the order of its page, or its page says why it does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, Block, blocks, missing
from tests.docs.running import Session, outcomes
from tests.stack import Stack

LONG = {
    "client.md", "examples/README.md", "maps.md", "results.md", "tem1.md", "variant-walkthrough.md", "walkthrough.md",
}  # fmt: skip
"""Pages whose blocks take more than 20 s."""


def parameters() -> list[object]:
    """Return the pages that have blocks that run, by the folder and the name of each."""
    found = []
    for page in PAGES:
        name = page.name if page.parent.name != "examples" else "examples/README.md"
        own = blocks(page.read_text())
        if not any(block.runs for block in own):
            continue
        marks = [pytest.mark.slow] if name in LONG else []
        if lacking := missing(own):
            marks.append(pytest.mark.skip(reason=f"needs public data: {', '.join(lacking)}"))
        found.append(pytest.param(page, id=name, marks=marks))
    return found


def test_blocks_are_read_as_people_read_them() -> None:
    page = (
        "words\n```\ne1 status\n```\n\n```text\nnothing\n```\n<!-- not run: it needs\na GPU -->\n"
        "```sh\ne1 verify\n```\n"
        "<!-- given: touch a.csv -->\n\n```python\nx = 2\n```\nmore\n```text\nno output\n```\n```json\n{}\n```\n"
        "- one\n\n  ```sh\n  cat <<END\n    two\n  END\n  ```\n"
    )
    assert blocks(page) == [
        Block("", "e1 status\n", 3, shown="nothing\n"),
        Block("sh", "e1 verify\n", 12, reason="it needs a GPU"),
        Block("python", "x = 2\n", 17, given="touch a.csv"),
        Block("sh", "cat <<END\n  two\nEND\n", 29),
    ]


def test_files_outside_the_checkout_are_named_if_they_are_missing() -> None:
    page = "<!-- given: cp CHECKOUT/../no/such.a3m CHECKOUT/README.md . -->\n```sh\nls\n```\n"
    assert missing(blocks(page)) == ["../no/such.a3m"]
    assert missing([Block("sh", "ls\n", 1, given="cp CHECKOUT/docs/tem1.md .")]) == []


@pytest.fixture
def session(tmp_path: Path):
    (tmp_path / "here").mkdir()
    (tmp_path / "state").mkdir()
    env = {"PATH": "/usr/bin:/bin"}
    session = Session(tmp_path / "page.md", tmp_path / "here", tmp_path / "state", env)
    yield session
    session.close()


def test_a_block_continues_where_the_one_before_ended(session):
    session.run(Block("sh", "WORD='two words'\nmkdir sub\ncd sub\n", 1))
    session.run(Block("sh", 'echo "$WORD" > file\n', 5))
    session.run(Block("python", "import os\ntext = open('file').read()\n", 9))
    session.run(Block("python", "print(text, os.environ['WORD'])\n", 13, shown="two words\n two words\n"))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (Block("sh", "false\ntrue\n", 7), "line 7"),
        (Block("sh", "false | true\n", 7), "ends with 1"),
        (Block("python", "\n1 / 0\n", 7), "line 8"),
        (Block("python", "print(1)\n", 7, shown="2\n"), "but prints\n1"),
        (Block("sh", "true\n", 7, given="false"), "what the reader has"),
        (Block("sh", "echo touched > outside\nuseradd somebody\n", 7), "change the machine"),
        (Block("", "install -m 600 a.env /etc/e1/a.env\n", 7), "change the machine"),
    ],
)
def test_a_block_that_fails_is_named(session, block, said):
    with pytest.raises(AssertionError, match=said):
        session.run(block)


def test_a_block_that_does_not_end_is_stopped_with_its_programs(session, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.docs.running.BLOCK_SECONDS", 2)
    with pytest.raises(subprocess.TimeoutExpired):
        session.run(Block("sh", "echo $$ > shell\nsleep 600 &\nwait\n", 7))
    group = (tmp_path / "here" / "shell").read_text().strip()
    listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    left = [state for found, state in map(str.split, listed.splitlines()) if found == group]
    assert not [state for state in left if not state.startswith("Z")]


def test_each_reason_is_a_sentence_and_each_block_is_counted() -> None:
    found = [block for page in PAGES for block in blocks(page.read_text())]
    assert len(found) > 50
    for block in found:
        assert block.runs or len(block.reason.split()) >= 3, block
        assert not (block.runs and block.changes_the_machine), block


@pytest.mark.parametrize("page", parameters())
def test_the_page_runs_as_written(page: Path, stack: Stack, tmp_path: Path) -> None:
    found = outcomes(page, stack.folder.path, stack.env, tmp_path)
    assert found
    failures = [failure for _, failure in found if failure]
    assert not failures, "\n".join(failures)
