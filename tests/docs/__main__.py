"""`python -m tests.docs [PAGE ...]`: run the blocks of each page; print how many run as written, and why others do not.

`--list` runs nothing. `--data DIR` uses the running service of that data folder instead of a new one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.docs.pages import PAGES, ROOT, blocks, missing
from tests.docs.running import outcomes
from tests.stack import OWN_ENVIRONMENT, running_stack


def main() -> int:
    """Print a line for each page, each block that does not run or that fails, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", help="names such as results.md or examples/README.md; all pages by default")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    pages = [page for page in PAGES if not asked.pages or _name(page).removeprefix("docs/") in asked.pages]
    ran = left = failed = 0
    with ExitStack() as stack:
        env: Mapping[str, str] = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
        data = asked.data.resolve() if asked.data else None
        if data is None and not asked.list:
            service = stack.enter_context(running_stack("docs"))
            data, env = service.folder.path, service.env
        for page in pages:
            found = blocks(page.read_text())
            if not found:
                continue
            if lacking := missing(found):
                print(f"{_name(page)}: not run: this machine lacks {', '.join(lacking)}", flush=True)
                left += len(found)
                continue
            began, failures = time.monotonic(), {}
            if data is not None and not asked.list:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e1-docs-")))
                failures = {block.line: text for block, text in outcomes(page, data, env, folder) if text}
            runs = sum(block.runs for block in found)
            ran, left, failed = ran + runs - len(failures), left + len(found) - runs, failed + len(failures)
            seconds = time.monotonic() - began
            print(f"{_name(page)}: {runs - len(failures)} of {len(found)} as written, {seconds:.0f} s", flush=True)
            for block in found:
                if not block.runs:
                    print(f"  line {block.line}: not run: {block.reason}", flush=True)
                if block.line in failures:
                    print(f"  line {block.line} failed: {failures[block.line]}", flush=True)
    print(f"{ran} blocks run as written, {left} are marked as not run, {failed} failed")
    return 1 if failed else 0


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


if __name__ == "__main__":
    raise SystemExit(main())
