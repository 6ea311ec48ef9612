"""`python -m tests.docs`: how many blocks each page has, how many run as written, and why the others do not."""

from __future__ import annotations

from tests.docs.pages import PAGES, ROOT, blocks


def main() -> None:
    """Print a line for each page, each block that does not run with its reason, and the sums."""
    run = left = 0
    for page in PAGES:
        found = blocks(page.read_text())
        if not found:
            continue
        runs = sum(block.runs for block in found)
        run, left = run + runs, left + len(found) - runs
        print(f"{page.relative_to(ROOT)}: {runs} of {len(found)} run")
        for block in found:
            if not block.runs:
                print(f"  line {block.line}: {block.reason}")
    print(f"{run} blocks run as written, {left} do not run here")


if __name__ == "__main__":
    main()
