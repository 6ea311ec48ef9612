"""The cases of `tests/data/alignment-cases.json`: alignments as people have them, and what each must give.

A case has a file's name and its text, or its bytes in base64. `rows` are the names of the rows that are read. `skipped`
are the codes of rows that are left out, and `notes` those of what was changed. A refused case has a code and a line.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

Case = dict[str, Any]

CASES: list[Case] = json.loads((Path(__file__).parents[1] / "data" / "alignment-cases.json").read_text())
READ = [case for case in CASES if "rows" in case]
REFUSED = [case for case in CASES if "refused" in case]


def content(case: Case) -> bytes:
    return base64.b64decode(case["base64"]) if "base64" in case else case["text"].encode()


def name(case: Case) -> str:
    return f"{case['name']}{' (rows without letters skipped)' * case.get('skip_empty', False)}"
