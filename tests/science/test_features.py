"""Tables of features of a protein."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidInput, TooLarge
from jobs.science.variants import features
from jobs.science.variants.features import Feature, read_features
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.numbering_forms import numbering_of

SHIFTED = Numbering.shifted(20)


def read(text: str, length: int = 100, numbering: Numbering = SEQUENTIAL, **options):
    return read_features(text.encode(), length, numbering, **options)


def test_a_table_is_read_in_the_order_of_starts():
    found = read("name,kind,start,end\nactive site,site,70,70\nsignal,region,1,23\n")
    assert found.features == (Feature(1, 23, "signal", "region"), Feature(70, 70, "active site", "site"))
    assert found.notes == ()


@pytest.mark.parametrize(
    "text",
    ["Start\tEnd\tName\tType\n1\t23\tsignal\tregion\n", "from;to;label;category\n1;23;signal;region\n",
     "begin,stop,description,kind\n1.0,23.0,signal,region\n"],
)  # fmt: skip
def test_columns_have_other_names_and_separators(text):
    assert read(text).features == (Feature(1, 23, "signal", "region"),)


def test_without_ends_a_feature_is_one_residue_and_without_a_name_it_has_its_kind():
    assert read("position,kind\n70,catalytic\n").features == (Feature(70, 70, "catalytic", "catalytic"),)
    assert read("start\n7\n").features == (Feature(7, 7, "feature", "feature"),)


def test_numbers_are_those_of_the_job():
    assert read("start,end,name\n21,30,x\n", 10, SHIFTED).features == (Feature(1, 10, "x", "feature"),)
    labels = numbering_of({"numbering": {"labels": "1-2, 2A, 3"}})
    assert read("start,end,name\n2A,3,x\n", 4, labels).features == (Feature(3, 4, "x", "feature"),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("start,end\n5,3\n", "bad_range"),
        ("start,end\n0,3\n", "bad_range"),
        ("start,end\n5,101\n", "bad_range"),
        ("start,end\nfive,7\n", "bad_range"),
        ("start,end\n5,\n", "bad_range"),
        ("name,kind\na,b\n", "missing_column"),
        ("start,end\n", "empty_file"),
        ("", "empty_file"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(text, code):
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert refused.value.problems[0].code == code
    if code == "bad_range":
        assert refused.value.problems[0].line == 2
        assert refused.value.problems[0].remedy


def test_bad_rows_are_left_out_on_request():
    found = read("start,end,name\n1,2,a\n9,3,b\n4,5,c\n", skip_bad=True)
    assert [one.name for one in found.features] == ["a", "c"]
    assert [note.code for note in found.notes] == ["bad_rows"]


def test_there_are_at_most_so_many(monkeypatch):
    monkeypatch.setattr(features, "MAX_FEATURES", 2)
    with pytest.raises(TooLarge):
        read("start\n1\n2\n3\n")


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=20))
def test_every_feature_of_a_good_table_comes_back(pairs):
    rows = [(min(pair), max(pair)) for pair in pairs]
    text = "start,end,name\n" + "".join(f"{start},{end},f{n}\n" for n, (start, end) in enumerate(rows))
    found = read(text, 50).features
    assert sorted((one.start, one.end) for one in found) == sorted(rows)
    assert len({one.name for one in found}) == len(rows)
