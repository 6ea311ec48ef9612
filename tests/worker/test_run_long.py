"""`e1 run` with score, scan and contacts: golden numbers, and the same in every format."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.errors import InvalidInput
from jobs.science.variants.numbering_files import numbering_of_file
from tests.score_sets import score_set
from worker.run_file import run

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
SCORING = json.loads((TINY / "cases.json").read_text())["scoring"]
CONTEXTS = [SCORING["contexts"][name].split(",") for name in ("c0", "c1")]
PARENT = SCORING["parent"]
SHORT = "MKTAYIAKQR"


@pytest.fixture
def call(tmp_path):
    def make(
        text: str,
        out: str,
        *,
        action: str,
        context: str = "",
        suffix: str = ".csv",
        skip: bool = False,
        warn=print,
        numbering_of=None,
        **params,
    ) -> Path:
        file = tmp_path / f"input{suffix}"
        file.write_text(text)
        homologs = tmp_path / "context.fasta" if context else None
        if homologs is not None:
            homologs.write_text(context)
        code = run(
            file, action=action, model=str(TINY), out=tmp_path / out, context=homologs, params=params,
            on_invalid="skip" if skip else "reject", name="", report=lambda done, total: None, warn=warn,
            numbering=numbering_of,
        )  # fmt: skip
        assert code == 0
        return tmp_path / out

    return make


@pytest.mark.parametrize("method", ["masked_marginal", "wildtype_marginal"])
def test_golden_scores(call, method):
    table = "variant\n" + "\n".join(SCORING["variants"])
    out = call(table, "out.csv", action="score", parent=PARENT, method=method, contexts=CONTEXTS)
    expected = {one["id"]: one["score"] for one in SCORING["scores"][f"{method}.two.mean"]}
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == SCORING["variants"]
    for row in rows:
        assert float(row["score"]) == pytest.approx(expected[row["name"]], abs=1e-4)
        both = [float(row["scores_0"]), float(row["scores_1"])]
        assert float(row["score"]) == pytest.approx(np.mean(both), abs=1e-9)
        assert float(row["spread"]) == pytest.approx(np.std(both), abs=1e-9)


def test_one_context_from_a_file_is_the_context_of_all(call):
    fasta = "".join(f">{n}\n{sequence}\n" for n, sequence in enumerate(CONTEXTS[0]))
    table = "mutant;DMS_score\n" + "\n".join(f"{v};1" for v in SCORING["variants"])
    out = call(table, "out.jsonl", action="score", parent=PARENT, context=fasta)
    expected = {
        one["id"]: one["score"] for one in SCORING["scores"]["masked_marginal.two.none"] if one["context_id"] == "c0"
    }
    for line in out.read_text().splitlines():
        result = json.loads(line)["result"]
        assert result["score"] == pytest.approx(expected[result["variant"]], abs=1e-4)


def test_a_scan_is_the_same_in_every_format(call):
    text = f">a\n{SHORT}\n>b\n{SHORT[:4]}\n"
    lines = [
        json.loads(line)["result"]
        for line in call(text, "out.jsonl", action="scan", suffix=".fasta").read_text().splitlines()
    ]
    scores = np.concatenate([np.array(one["scores"]) for one in lines])
    assert scores.shape == (14, 20)
    with np.load(call(text, "out.npz", action="scan", suffix=".fasta")) as arrays:
        assert np.allclose(arrays["scores"], scores)
        assert arrays["spread"].shape == (14, 20)
        assert arrays["positions"].ravel().tolist() == [*range(1, 11), *range(1, 5)]
        assert arrays["offsets"].tolist() == [0, 10, 14]
    with h5py.File(call(text, "out.h5", action="scan", suffix=".fasta")) as file:
        assert np.allclose(file["scores"][:], scores)


def test_maps_of_any_size_lie_in_one_array(call):
    text = f">a\n{SHORT[:6]}\n>b\n{SHORT[:4]}\n"
    with np.load(call(text, "out.npz", action="contacts", suffix=".fasta", contexts=CONTEXTS)) as arrays:
        offsets = arrays["offsets"]
        assert offsets.tolist() == [0, 36, 52]
        first = arrays["contacts"][: offsets[1]].reshape(6, 6)
        assert np.allclose(first, first.T, atol=1e-6)
        assert np.allclose(arrays["contacts_single"].mean(axis=1), arrays["contacts"].ravel(), atol=1e-6)


def test_what_a_sheet_cannot_hold_is_refused_before_anything_is_computed(call, monkeypatch):
    monkeypatch.setattr("jobs.files.xlsx.MAX_ROWS", 200)
    monkeypatch.setattr("worker.run_file._results", lambda plan, engine: pytest.fail("it computes"))
    with pytest.raises(InvalidInput) as caught:
        call(f">a\n{SHORT}\n", "out.xlsx", action="scan", suffix=".fasta")
    assert caught.value.code == "sheet_too_large"


def test_a_list_of_codes_is_scored_and_a_bare_sequence_scanned(call):
    out = call("M1A\n\nK2R:T3S\n", "out.jsonl", action="score", suffix=".txt", parent=SHORT)
    assert [json.loads(line)["result"]["variant"] for line in out.read_text().splitlines()] == ["M1A", "K2R:T3S"]
    out = call(SHORT, "out.jsonl", action="scan", suffix=".txt", positions=[2])
    assert json.loads(out.read_text())["result"]["positions"] == [2]


def test_a_position_outside_a_sequence_is_told(call):
    with pytest.raises(InvalidInput) as caught:
        call(f">a\n{SHORT}\n", "out.jsonl", action="scan", suffix=".fasta", positions=[11])
    assert caught.value.problems[0].code == "position_outside"


def test_a_shifted_numbering_is_told(call):
    with pytest.raises(InvalidInput) as caught:
        call("variant\nM2A\nK3A\nT4A\n", "out.csv", action="score", parent=SHORT)
    assert caught.value.problems[0].code == "wrong_offset"


def test_codes_in_a_numbering_with_insertion_letters_are_scored_as_by_position(call):
    plain = call("variant\nT3S\nK2R:A4G\n", "plain.jsonl", action="score", parent=SHORT)
    numbering = {"labels": "51-52, 52A-52B, 53-58"}
    table = "variant\nT52AS\nK52R:Ala52BGly\n"
    lettered = call(table, "lettered.jsonl", action="score", parent=SHORT, numbering=numbering)
    one, other = ([json.loads(line)["result"] for line in out.read_text().splitlines()] for out in (plain, lettered))
    assert [row["score"] for row in one] == [row["score"] for row in other]
    assert [row["variant"] for row in other] == ["T52AS", "K52R:A52BG"]
    files = {}
    for name in ("out.npz", "out.h5", "out.parquet", "out.csv"):
        files[name] = call(table, name, action="score", parent=SHORT, numbering=numbering)
    arrays, rows = np.load(files["out.npz"]), pq.read_table(files["out.parquet"])
    cells = list(csv.DictReader(files["out.csv"].read_text().splitlines()))
    with h5py.File(files["out.h5"]) as file:
        for title, expected in (("positions", ["3", "2 4"]), ("numbers", ["52A", "52 52B"])):
            assert arrays[title].tolist() == rows[title].to_pylist() == file[title].asstr()[:].tolist() == expected
            assert [row[title] for row in cells] == expected


def test_a_scan_has_the_numbers_of_its_residues(call):
    out = call(
        f">a\n{SHORT}\n", "out.jsonl", action="scan", suffix=".fasta", positions=["5", "8"],
        numbering={"start": 3, "skip": [4, 9]}, method="wildtype_marginal",
    )  # fmt: skip
    result = json.loads(out.read_text())["result"]
    assert (result["positions"], result["numbers"]) == ([2, 5], ["5", "8"])
    arrays = {}
    for name in ("out.npz", "out.h5", "out.parquet", "out.csv"):
        arrays[name] = call(
            f">a\n{SHORT}\n>b\n{SHORT[:6]}\n", name, action="scan", suffix=".fasta", positions=["5", "8"],
            numbering={"start": 3, "skip": [4, 9]}, method="wildtype_marginal",
        )  # fmt: skip
    assert np.load(arrays["out.npz"])["numbers"].tolist() == ["5", "8"] * 2
    with h5py.File(arrays["out.h5"]) as file:
        assert file["numbers"].asstr()[:].tolist() == ["5", "8"] * 2
    assert pq.read_table(arrays["out.parquet"])["numbers"].to_pylist() == [["5", "8"]] * 2
    with arrays["out.csv"].open() as file:
        assert [row["number"] for row in csv.DictReader(file)][::20] == ["5", "8"] * 2


def test_a_file_has_the_numbers_of_the_parent_or_of_the_first_sequence(call):
    table = b"residue,number\n" + b"".join(
        f"{a},{n}\n".encode() for a, n in zip(SHORT, [51, 52, "52A", "52B", *range(53, 59)], strict=True)
    )
    numbers = partial(numbering_of_file, table)
    out = call("variant\nT52AS\n", "a.jsonl", action="score", parent=SHORT, numbering_of=numbers)
    assert json.loads(out.read_text())["result"]["variant"] == "T52AS"
    out = call(f">a\n{SHORT}\n", "b.jsonl", action="scan", suffix=".fasta", positions=["52B"], numbering_of=numbers)
    assert json.loads(out.read_text())["result"]["numbers"] == ["52B"]
    with pytest.raises(InvalidInput) as caught:
        call(f">a\n{SHORT}\n", "c.jsonl", action="log_prob", suffix=".fasta", numbering_of=numbers)
    assert caught.value.problems[0].code == "unknown_parameter"


def test_accidental_fits_are_said_if_other_codes_are_skipped(call):
    parent = "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAED"
    codes = [f"{letter}{n}C" for n, letter in enumerate(parent[:12], start=1)]
    codes += [f"{letter}{n + 1}C" for n, letter in enumerate(parent[12:], start=13) if letter != "C"]
    said = []
    call("variant\n" + "\n".join(codes), "out.csv", action="score", parent=parent, skip=True, warn=said.append,
         method="wildtype_marginal")  # fmt: skip
    assert [problem.code for problem in said] == ["wrong_numbering", "accidental_fit"]


def test_a_score_set_is_run_as_it_is_and_what_has_no_score_is_said(call):
    made = score_set(SHORT)
    said = []
    out = call(made.text, "out.jsonl", action="score", parent=SHORT, method="wildtype_marginal", warn=said.append)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["name"] for row in rows] == made.written
    assert rows[0]["result"]["variant"] == "WT"
    assert rows[0]["result"]["score"] == 0
    (problem,) = [one for one in said if one.code == "rows_left_out"]
    assert f"{sum(made.left_out.values())} of {made.rows} rows" in problem.message
    assert "11 stops" in problem.message


@pytest.mark.parametrize(
    ("written", "code"),
    [("p.Ala4Thr", "A4T"), ("KA2R,TA3S;", "K2R:T3S"), ("K2R_T3S", "K2R:T3S"), ("_wt", "WT"), ("A4T+K2R", "K2R:A4T")],
)
def test_variants_are_run_in_each_notation(call, written, code):
    out = call(f"{written}\n", "out.jsonl", action="score", suffix=".txt", parent=SHORT, method="wildtype_marginal")
    (row,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert (row["name"], row["result"]["variant"]) == (written, code)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("p.Ala4_Lys8del", "'p.Ala4_Lys8del' is a deletion and not a substitution"),
        ("p.Ala4Ter", "'p.Ala4Ter' is a stop codon"),
        ("p.Ala4fs", "'p.Ala4fs' is a frame shift"),
        ("p.Gly4Thr", "'p.Gly4Thr' names G, but the parent has A there"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(call, written, words):
    with pytest.raises(InvalidInput) as caught:
        call(f"A4T\n{written}\n", "out.csv", action="score", suffix=".txt", parent=SHORT)
    assert any(words in problem.message for problem in caught.value.problems)
