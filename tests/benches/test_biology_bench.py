"""The biology benchmark runs on a made-up family and structure. The measured values are meaningless."""

from __future__ import annotations

import json
from pathlib import Path

import gemmi
import numpy as np
import pytest

from benchmarks.biology import main

TESTS = Path(__file__).parents[1]
PARENT = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGD"


@pytest.fixture
def data(tmp_path) -> Path:
    random = np.random.default_rng(5)
    rows = [PARENT]
    # Similarities from high to low, so that every window of the published ensemble has a row.
    for changed in range(4, 34, 2):
        letters = list(PARENT)
        for place in random.choice(len(PARENT), changed, replace=False):
            letters[place] = random.choice(list("ACDEFGHIKLMNPQRSTVWY"))
        rows.append("".join(letters))
    alignment = "".join(f">row{n}\n{row}\n" for n, row in enumerate(rows))
    for name in ("BLAT_ECOLX", "KaiB_2QKEE"):
        (tmp_path / f"{name}.a3m").write_text(alignment)
    codes = [f"{PARENT[n]}{n + 1}{'A' if PARENT[n] != 'A' else 'G'}" for n in range(0, 40, 2)]
    table = "mutant,DMS_score\n" + "".join(f"{code},{n / 7}\n" for n, code in enumerate(codes))
    (tmp_path / "BLAT_ECOLX_Jacquier_2013.csv").write_text(table)
    (tmp_path / "KaiB_2QKEE.pdb").write_text(hairpin())
    return tmp_path


def hairpin() -> str:
    """Return PARENT as two touching strands: residue i and its partner from the other end are 5 Angstrom apart."""
    structure, model, chain = gemmi.Structure(), gemmi.Model("1"), gemmi.Chain("A")
    half = len(PARENT) // 2
    for n, letter in enumerate(PARENT):
        residue = gemmi.Residue()
        residue.name = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)
        residue.seqid = gemmi.SeqId(str(n + 1))
        x, y = (3.8 * n, 0.0) if n < half else (3.8 * (2 * half - 1 - n), 5.0)
        for name in ("CA", "CB") if letter != "G" else ("CA",):
            atom = gemmi.Atom()
            atom.name, atom.element, atom.pos = name, gemmi.Element("C"), gemmi.Position(x, y, 0)
            residue.add_atom(atom)
        chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    return structure.make_pdb_string()


@pytest.mark.slow
def test_every_part_reports(data, tmp_path, capsys):
    out = tmp_path / "rows.json"
    arguments = ["--model", str(TESTS / "data" / "e1-random-tiny"), "--data", str(data), "--json", str(out)]
    heldout = ["--heldout", str(TESTS / "data" / "demo-heldout.json"), "--families", "2", "--stride", "25"]
    assert main([*arguments, *heldout]) == 0
    rows = {(row["name"].split(",")[0], row["context"]): row for row in json.loads(out.read_text())["rows"]}
    assert set(rows) == {
        *(("native residue recovery", context) for context in ("alone", "3 homologs", "always L")),
        *(("Spearman", context) for context in ("alone", "one context", "ensemble of 15")),
        *(("long-range precision at L", context) for context in ("alone", "one context")),
    }
    for row in rows.values():
        assert -1 <= row["value"] <= 1
    found = rows["long-range precision at L", "alone"]["detail"]
    assert found["resolved"] == len(PARENT)
    assert found["contacts"] > 0
    assert "published, not measured here" in capsys.readouterr().out
