"""Install requirements, and write what was installed as a list with versions and hashes for `pip --require-hashes`.

It runs while an image is built (deploy/Dockerfile, stages `lock-...`). The list names no address: any mirror that
serves the same files will do. It holds for the Python and the processor of that image.

    python lock.py OUT REQUIREMENT_OR_OPTION...      with the Python of the environment to fill
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def lock_of(report: dict[str, Any]) -> str:
    """Return the lines for the packages of a report of pip, without those that were given as files (our own wheels).

    Raises SystemExit for a package without a hash.
    """
    lines = {}
    for entry in report["install"]:
        source, name = entry["download_info"], entry["metadata"]["name"]
        if entry["is_direct"]:
            continue
        digest = source.get("archive_info", {}).get("hashes", {}).get("sha256")
        if not digest:
            raise SystemExit(f"{name} has no hash: it does not come from an index")
        lines[name.lower()] = f"{name}=={entry['metadata']['version']} --hash=sha256:{digest}\n"
    return "".join(lines[name] for name in sorted(lines))


def main() -> None:
    out, *requirements = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip = [sys.executable, "-m", "pip", "install", "--report", str(report), *requirements]
        subprocess.run(pip, check=True)  # noqa: S603 - requirements of the Dockerfile
        Path(out).write_text(lock_of(json.loads(report.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
