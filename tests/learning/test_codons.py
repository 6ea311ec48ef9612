"""Degenerate codons against brute-force translation, sizes of libraries, and ordered DNA."""

from __future__ import annotations

from itertools import product
from math import exp

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.errors import InvalidInput
from jobs.learning.codons import (
    BASES,
    SCHEMES,
    Design,
    chance_of_all_residues,
    clones_for_all,
    clones_for_all_residues,
    clones_for_one,
    codons_of,
    minimal_scheme,
    residues_of,
)
from jobs.learning.dna import changes_of, checked_cds, coding_sequence, favourites, hosts, ordered_dna
from jobs.science.variants.codes import Mutation, Variant, read_variant


@given(st.text("".join(BASES), min_size=3, max_size=3))
def test_codons_translate_as_biopython_has_it(degenerate):
    every = ["".join(one) for one in product("ACGT", repeat=3)]
    brute = [one for one in every if all(one[at] in BASES[degenerate[at]] for at in range(3))]
    assert sorted(codons_of(degenerate)) == sorted(brute)
    counted = residues_of((degenerate,))
    translated = [str(Seq(codon).translate()) for codon in brute]
    assert counted == {residue: translated.count(residue) for residue in set(translated)}


@pytest.mark.parametrize(
    ("name", "size", "residues", "stops"), [("NNK", 32, 20, 1), ("22c", 22, 20, 0), ("NDT", 12, 12, 0)]
)
def test_the_usual_schemes(name, size, residues, stops):
    found = SCHEMES[name].residues
    assert SCHEMES[name].size == size
    assert len(set(found) - {"*"}) == residues
    assert found["*"] == stops


def test_clones_of_the_usual_libraries():
    members = [Design((SCHEMES[name],) * 3).members for name in ("NNK", "22c", "NDT")]
    assert members == [32_768, 10_648, 1_728]
    assert [clones_for_one(one) for one in members] == [98_163, 31_897, 5_175]
    assert clones_for_one(32) == 94


def test_all_residues_need_more_clones_than_one_codon():
    nnk = SCHEMES["NNK"]
    assert chance_of_all_residues(nnk, 94) == pytest.approx(0.52, abs=0.01)
    least = clones_for_all_residues(nnk)
    assert 165 <= least <= 175
    assert chance_of_all_residues(nnk, least) >= 0.95 > chance_of_all_residues(nnk, least - 1)


def test_the_chance_of_all_residues_by_drawing():
    drawn = np.random.default_rng(0).integers(22, size=(4_000, 80))
    residue = np.array([r for r, count in SCHEMES["22c"].residues.items() for _ in range(count)])
    seen = np.mean([len(set(residue[one])) == 20 for one in drawn])
    assert chance_of_all_residues(SCHEMES["22c"], 80) == pytest.approx(seen, abs=0.03)


def test_the_clones_of_all_members_leave_few_missing():
    missing = 1_000 * (1 - 1 / 1_000) ** clones_for_all(1_000)
    assert exp(-missing) == pytest.approx(0.95, abs=0.001)
    assert clones_for_one(1) == clones_for_all(1) == 1


@given(st.sets(st.sampled_from(CANONICAL), min_size=1))
def test_minimal_schemes_code_for_what_is_wanted(wanted):
    made = minimal_scheme(wanted)
    assert set(made.residues) == wanted


def test_a_minimal_scheme_of_two_codons_is_one_mixture():
    assert minimal_scheme("IV").size == 2
    assert len(minimal_scheme("IV").codons) == 1
    with pytest.raises(ValueError, match="choose residues"):
        minimal_scheme("B")


PARENT = "MKTAYIAKQR"


@pytest.mark.slow
@pytest.mark.parametrize("host", hosts())
@given(data=st.data())
def test_ordered_dna_translates_back(host, data):
    cds = coding_sequence(PARENT, host)
    sites = data.draw(st.sets(st.integers(1, len(PARENT)), min_size=1, max_size=4))
    mutations = [Mutation(at, PARENT[at - 1], data.draw(st.sampled_from(CANONICAL))) for at in sorted(sites)]
    variant = Variant(tuple(one for one in mutations if one.wild != one.mutant))
    dna = ordered_dna(variant, cds, host)
    assert str(Seq(dna).translate()) == variant.sequence(PARENT)
    changed = [at for at in range(len(PARENT)) if dna[3 * at : 3 * at + 3] != cds[3 * at : 3 * at + 3]]
    assert [one.position - 1 for one in changes_of(variant, cds, host)] == changed


def test_the_host_chooses_the_codon():
    assert favourites("e_coli")["L"] == "CTG"
    assert favourites("s_cerevisiae")["L"] == "TTG"
    change = changes_of(read_variant("A4L", PARENT), coding_sequence(PARENT, "e_coli"), "e_coli")[0]
    assert (change.position, change.base, change.new) == (4, 10, "CTG")
    with pytest.raises(InvalidInput) as refused:
        favourites("unicorn")
    assert refused.value.code == "unknown_codon_table"


def test_a_coding_sequence_is_checked():
    cds = coding_sequence("MKT", "e_coli")
    assert checked_cds(f"{cds[:4].lower()} {cds[4:]}TAA", "MKT") == cds
    for wrong, words in ((cds[:-3], "6 bases"), (cds[:-1] + "?", "'?' at base 9"), ("ATGAAAGGG", "codon 3")):
        with pytest.raises(InvalidInput, match=words.replace("?", r"\?")) as refused:
            checked_cds(wrong, "MKT")
        assert refused.value.code == "bad_cds"
