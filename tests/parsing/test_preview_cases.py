"""The preview in the browser and the parser agree: both are tested with tests/data/preview-cases.json.

The other half is frontend/tests/reader.test.ts. The expected values come from the parser and were reviewed by a person.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.errors import InvalidInput
from jobs.intake.cutting import PlanTally
from jobs.parsing import BadRecord, Reader, Record

CASES = json.loads((Path(__file__).parents[1] / "data" / "preview-cases.json").read_text())
SHARED = ("MKTA", "AC")
"""Contexts that `tokens` of each case counts for items without their own."""


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_the_parser_finds_what_the_preview_is_held_to(case):
    rules = ACTIONS[case["action"]].rules(MODELS["e1-demo"])
    records, broken = [], False
    reader = Reader([case["text"].encode()], case["format"], rules)
    try:
        records.extend(reader)
    except InvalidInput:
        broken = True
    problems = [p for record in records if isinstance(record, BadRecord) for p in record.problems]
    assert broken is case["broken"]
    if not broken:
        assert len(records) == case["records"]
        dna = [warning.message.split()[0] for warning in reader.warnings() if warning.code == "looks_like_dna"]
        assert dna == ([str(case["nucleotides"])] if case["nucleotides"] else [])
        again = [warning.message.split()[0] for warning in reader.warnings() if warning.code == "duplicate_names"]
        assert again == ([str(case["duplicates"])] if case.get("duplicates") else [])
        assert sum(isinstance(record, BadRecord) for record in records) == case["bad"]
        plan = PlanTally(case["action"], {})
        good = [record for record in records if isinstance(record, Record)]
        for record in good:
            plan.note(record, record.context if record.context is not None else SHARED)
        plan.close()
        assert plan.tokens == case["tokens"]
        assert sum(record.sequence.count("?") for record in good) == case["masks"]
    assert [(p.code, p.line or 0, p.column or 0, p.record or "", p.character or "") for p in problems] == [
        tuple(fault.values()) for fault in case["faults"]
    ]
