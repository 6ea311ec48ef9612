"""Names that jobs give themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.actions import ACTIONS
from jobs.actions.titles import job_title, subject_of
from jobs.limits import MAX_JOB_NAME

PARENT = {"parent": "M" * 286, "contexts": [{}] * 15}
MANY = {"items": 2961, "residues": 9}


@pytest.mark.parametrize(
    ("action", "params", "facts", "title"),
    [
        ("scan", PARENT, {"first": "TEM-1", "items": 1, "residues": 286}, "TEM-1 scan, 286 aa, 15 contexts"),
        ("contacts", {}, {"items": 1, "residues": 90}, "Contacts, 90 aa"),
        ("encode", {}, {"subject": "kinases.fasta", **MANY}, "kinases.fasta embeddings, 2,961 sequences"),
        ("encode", {}, {"first": "a", "items": 3, "residues": 9}, "Embeddings of a and 2 more"),
        ("predict", {"contexts": [{}]}, {"items": 3, "residues": 9}, "Predictions, 3 sequences, 1 context"),
        ("score", PARENT, {"first": "A24T", **MANY}, "Variant scores, 2,961 variants, 286 aa, 15 contexts"),
        ("score", {"parent": "MK"}, {"subject": "x", "items": 1, "residues": 0}, "x variant scores, 1 variant, 2 aa"),
    ],
)  # fmt: skip
def test_a_name_says_what_was_asked_of_what(action, params, facts, title):
    assert job_title(action, params, **facts) == title


@given(
    st.sampled_from(sorted(ACTIONS)),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=300),
    st.integers(2, 10**7),
    st.integers(0, 600),
)
def test_the_subject_is_found_again_and_names_stay_short(action, subject, items, contexts):
    params = {"parent": "MKT", "contexts": [{}] * contexts}
    title = job_title(action, params, subject=subject, items=items, residues=5)
    assert len(title) <= MAX_JOB_NAME
    assert subject_of(action, title) == subject[:120]


@given(st.sampled_from(sorted(ACTIONS)), st.text(max_size=50), st.integers(1, 3), st.integers(0, 2))
def test_a_name_without_a_subject_is_known_as_one(action, first, items, contexts):
    title = job_title(action, {"contexts": [{}] * contexts}, first=first if items > 1 else "", items=items, residues=5)
    assert subject_of(action, title) == ""


@pytest.mark.parametrize("name", ["TEM-1", "library.fasta", "my scan", "scan of TEM-1", ""])
def test_a_name_that_a_person_chose_stays(name):
    assert subject_of("scan", name) == name
