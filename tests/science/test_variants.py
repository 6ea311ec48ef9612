"""Variant codes and sequences: their meaning, and the refusal of wrong ones."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.errors import InvalidInput
from jobs.parsing.items import ItemRule
from jobs.parsing.records import Place
from jobs.parsing.tally import Tally
from jobs.science.variants.codes import (
    Mutation,
    Variant,
    plain_variant,
    read_variant,
    single_variants,
)
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.numbering_forms import read_numbering
from jobs.science.variants.offsets import MOST_PAIRS, Named, suggest_offset
from jobs.science.variants.rules import VariantRules
from tests.parsing.reading import ENCODE

PARENT = "MKTAYIAKQRQISFVKSHFSRQ"
shifted = Numbering.shifted


def refused(*texts: str, parent: str = PARENT, numbering: Numbering = SEQUENTIAL):
    rules = VariantRules(parent, numbering)
    places = [Place(record=text, index=index, path=f"variants.{index}") for index, text in enumerate(texts)]
    problems = [problem for place in places for problem in rules.problems(place.record, place)]
    if hint := rules.hint():
        problems.insert(0, hint)
    assert all(problem.remedy for problem in problems)
    return problems


def test_codes():
    assert read_variant("A4T", PARENT) == Variant((Mutation(4, "A", "T"),))
    assert read_variant(" k2r:M1A ", PARENT) == Variant((Mutation(1, "M", "A"), Mutation(2, "K", "R")))
    assert read_variant("K2R, M1A", PARENT) == read_variant("K2R/M1A", PARENT) == read_variant("M1A:K2R", PARENT)
    assert read_variant("A27T", PARENT, numbering=shifted(23)).mutations[0].position == 4
    assert read_variant("A1T", PARENT, numbering=shifted(-3)).code(shifted(-3)) == "A1T"
    assert read_variant("A-1T", PARENT, numbering=shifted(-5)).mutations[0].position == 4


@pytest.mark.parametrize("offset", [0, 23, -1])
def test_the_short_way_is_taken_by_plain_codes_only_and_says_the_same(offset):
    parent = "MXTAYIAKQR"
    numbering = shifted(offset)
    plain = [one.code(numbering) for one in single_variants(parent)]
    plain += [f"{plain[0]}:{plain[-1]}", f"{plain[-1]}:{plain[0]}"]
    assert [plain_variant(text, parent, numbering) for text in plain if "-" not in text] == [
        read_variant(text, parent, numbering=numbering) for text in plain if "-" not in text
    ]
    others = ["WT", "", "M", "A4A", "A4*", "A4-", "A4=", "X2A", "A4B", "T4A", "A99T", "A0T", "A4T/K8R", "a4t", " A4T"]
    others += ["A4T:A4G", "A4T:", ":A4T", "A\N{SUPERSCRIPT TWO}T", "A4", "4T", "MKTAYIAKQR", "A00000000000004T"]
    assert [text for text in others if plain_variant(text, parent, SEQUENTIAL) is not None] == []


def test_sequences_and_codes_name_the_same_variants():
    sequence = "MKTTYIAKQRQISFVKSHFSRW"
    variant = read_variant(sequence, PARENT)
    assert variant.code() == "A4T:Q22W"
    assert variant == read_variant("A4T:Q22W", PARENT)
    assert variant.sequence(PARENT) == sequence


@pytest.mark.parametrize("text", ["WT", "wt", "A4A", "A4=", PARENT, "M1M:K2K"])
def test_the_parent_itself_is_a_variant_without_mutations(text):
    assert read_variant(text, PARENT) == Variant()
    assert read_variant(text, PARENT).code() == "WT"


def test_synonymous_parts_are_left_out():
    assert read_variant("A4A:K2R", PARENT).code() == "K2R"


def test_a_wrong_wild_type_says_what_the_parent_has():
    (problem,) = refused("A4T", "G2R")[:1]
    assert (problem.code, problem.index, problem.record, problem.path) == ("wrong_wild_type", 1, "G2R", "variants.1")
    assert "G2R names G, but the parent has K there" in problem.message


def test_a_position_outside_says_the_range_in_the_users_numbers():
    (problem,) = refused("A99T", numbering=shifted(23))
    assert problem.code == "position_outside"
    assert "numbered 24 to 45" in problem.message


def test_skipped_numbers_name_no_residue():
    ambler = Numbering.skipping(3, [5, 9])  # M3 K4 T6 A7 Y8 I10
    assert read_variant("I10L", PARENT, numbering=ambler) == Variant((Mutation(6, "I", "L"),))
    assert read_variant("T6S:M3A", PARENT, numbering=ambler).code(ambler) == "M3A:T6S"
    assert plain_variant("T6S", PARENT, ambler) == read_variant("T6S", PARENT, numbering=ambler)
    assert plain_variant("T5S", PARENT, ambler) is None
    (problem,) = refused("T5S", numbering=ambler)
    assert problem.code == "position_outside"
    assert "T5S names residue 5, which the numbering does not have" in problem.message
    assert "numbered 3 to 26" in refused("A99T", numbering=ambler)[0].message


ANTIBODY = read_numbering({"labels": "48-52, 52A-52B, 53-58, 100, 100A-100H"})
"""The numbering of a parent of 22 residues: Y52, I52A, A52B, K53."""


def test_insertion_letters_are_between_number_and_new_residue():
    assert read_variant("I52AT", PARENT, numbering=ANTIBODY) == Variant((Mutation(6, "I", "T"),))
    assert read_variant("Y52A", PARENT, numbering=ANTIBODY) == Variant((Mutation(5, "Y", "A"),))
    assert read_variant("a52bg:y52w", PARENT, numbering=ANTIBODY).code(ANTIBODY) == "Y52W:A52BG"
    assert read_variant("I52A=", PARENT, numbering=ANTIBODY) == Variant()


def test_a_letter_that_no_residue_has_is_no_insertion_letter():
    (problem,) = refused("Y52CT", numbering=ANTIBODY)
    assert problem.code == "position_outside"
    assert "52C, which the numbering does not have" in problem.message
    (problem,) = refused("Y52AT")
    assert problem.code == "position_outside"
    assert "the numbering has no insertion letters" in problem.message
    assert [problem.code for problem in refused("A4fs", "A52fs", numbering=ANTIBODY)] == ["indel", "indel"]
    assert refused("I52A*", numbering=ANTIBODY)[0].code == "bad_letter"


def test_a_serine_at_an_insertion_letter_f_is_no_frame_shift_where_the_numbering_has_it():
    numbering = read_numbering({"labels": "99-100, 100A-100F, 101"})
    assert read_variant("K100FS", "MKTAYIAKQ", numbering=numbering) == Variant((Mutation(8, "K", "S"),))
    assert refused("K100FS", parent="MKTAYIAKQ")[0].code == "indel"
    assert refused("K101FS", "Lys100fs", parent="MKTAYIAKQ", numbering=numbering)[0].code == "indel"


def test_a_constant_shift_is_recognised():
    shifted = [f"{letter}{position + 23}C" for position, letter in enumerate(PARENT, start=1)]
    first = refused(*shifted)[0]
    assert first.code == "wrong_offset"
    assert "23" in first.remedy
    assert "22 of 22" in first.message
    with_a_slip = ["W30C", *shifted]
    assert suggest_offset([(code[0], int(code[1:-1])) for code in with_a_slip], PARENT) == 23


def test_no_offset_is_suggested_on_thin_evidence():
    assert [problem.code for problem in refused("W4T")] == ["wrong_wild_type"]
    assert suggest_offset([("A", 5)], PARENT) is None
    assert suggest_offset([], PARENT) is None
    assert suggest_offset([("A", 1), ("A", 2)], "A" * 30) is None


def test_pairs_that_vote_are_few_and_spread_over_the_input():
    named = Named(("A", number) for number in range(100_000))
    numbers = [number for _, number in named]
    assert MOST_PAIRS // 2 <= len(named) == len(Named(named)) <= MOST_PAIRS
    assert numbers == sorted(numbers)
    assert numbers[0] < 1000
    assert numbers[-1] > 99_000
    assert len(Named([("A", 1), ("A", 1), ("C", 1)])) == 2


def test_a_shift_is_recognised_among_more_codes_than_vote():
    parent = "".join(CANONICAL[(7 * n * n + n // 3) % 20] for n in range(2000))
    shifted = [f"{letter}{position + 23}{mutant}" for position, letter in enumerate(parent, 1) for mutant in "CW"]
    rules = VariantRules(parent, SEQUENTIAL)
    for code in shifted:
        rules.problems(code, Place())
    assert len(rules._named) <= MOST_PAIRS
    hint = rules.hint()
    assert hint is not None
    assert "offset to 23" in hint.remedy
    assert suggest_offset([("A", number) for number in range(0, 10**9, 10**6)], "A" * 2048) is None


@pytest.mark.parametrize("text", ["A4del", "K2_T3insG", "A4-", "4dup", "MKTAYIAKQRQISFVKSHFSR", "A4fs"])
def test_insertions_and_deletions_are_refused_with_an_offer(text):
    problem = refused(text)[0]
    assert problem.code == "indel"
    assert "pseudo_log_likelihood" in problem.remedy


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_sequence"),
        ("4T", "bad_variant"),
        ("Alx4Thr", "bad_variant"),
        ("A4T:", "bad_variant"),
        ("A4*", "bad_letter"),
        ("A4X", "bad_letter"),
        ("A4T:A4G", "position_twice"),
        ("MKTA?IAKQRQISFVKSHFSRQ", "bad_letter"),
        ("MKTXYIAKQRQISFVKSHFSRQ", "bad_letter"),
    ],
)
def test_other_faults(text, code):
    assert refused(text)[0].code == code
    with pytest.raises(InvalidInput) as caught:
        read_variant(text, PARENT)
    assert caught.value.code == (code if text else "bad_variant")


def test_a_text_of_all_kinds_of_characters_is_refused_in_one_pass():
    """This would take minutes if each kind were searched from the beginning."""
    kinds = "".join(map(chr, range(0x20000, 0x100000)))
    (problem,) = refused("MK" + kinds)
    assert "position 3 " in problem.message


def test_a_word_among_codes_is_a_bad_code_and_no_deletion():
    rules = VariantRules(PARENT, SEQUENTIAL)
    assert [one.code for one in rules.problems("FOO", Place())] == ["bad_variant"]
    assert [one.code for one in rules.problems(PARENT[:-1], Place())] == ["indel"]
    assert VariantRules(PARENT, SEQUENTIAL, lengths=True).problems("MKT", Place()) == [], "a sequence of any length"


def test_a_parent_without_a_canonical_residue_there():
    problem = refused("X1A", parent="XKT")[0]
    assert problem.code == "bad_letter"
    assert "the parent has X at position 1" in problem.message


def test_every_problem_of_a_list_is_reported():
    problems = refused("A4T", "G1A", "A4del", "K2X")
    assert [(problem.index, problem.code) for problem in problems] == [
        (1, "wrong_wild_type"),
        (2, "indel"),
        (3, "bad_letter"),
    ]


def test_all_singles():
    singles = single_variants("MXA")
    assert len(singles) == 38
    assert singles[0].code() == "M1A"
    assert {variant.mutations[0].position for variant in singles} == {1, 3}
    assert len(set(singles)) == 38


PARENTS = st.text(alphabet=CANONICAL, min_size=1, max_size=30)


@given(PARENTS, st.integers(-50, 500), st.data())
def test_codes_and_sequences_survive_a_round_trip(parent, offset, data):
    sequence = "".join(data.draw(st.sampled_from([letter, "A", "W"])) for letter in parent)
    variant = read_variant(sequence, parent) if sequence != "WT" else Variant()
    if sequence == "WT":
        return
    assert variant.sequence(parent) == sequence
    assert read_variant(variant.code(shifted(offset)), parent, numbering=shifted(offset)) == variant


@given(
    PARENTS, st.lists(st.one_of(st.text(max_size=12), st.from_regex(r"[A-Za-z]-?[0-9]{1,3}[A-Z=*]", fullmatch=True)))
)
def test_anything_is_a_variant_or_refused(parent, texts):
    try:
        variants = [read_variant(text, parent) for text in texts]
    except InvalidInput:
        return
    assert len(variants) == len(texts)
    for variant in variants:
        for mutation in variant.mutations:
            assert parent[mutation.position - 1] == mutation.wild != mutation.mutant
            assert mutation.mutant in CANONICAL


CODES = st.one_of(
    st.text("MKTAY0123456789:WAx*-", max_size=12),
    st.sampled_from([variant.code() for variant in single_variants(PARENT)]),
    st.lists(st.sampled_from(["M1A", "K2R", "T3S", "A4A", "K2W", "J5A", "K02R", "A999T"]), max_size=4).map(":".join),
)


@given(st.lists(CODES, max_size=30), st.sampled_from([SEQUENTIAL, shifted(-1), read_numbering({"skip": [3]})]))
def test_what_is_taken_in_little_time_is_stored_as_it_is_and_has_no_problem(texts, numbering):
    quick, slow = VariantRules(PARENT, numbering), VariantRules(PARENT, numbering)
    for text in texts:
        if quick.takes(text):
            assert slow.cleaned(text) == (text, frozenset())
            assert slow.problems(text, Place()) == []
    assert not VariantRules(PARENT, numbering, lengths=True).takes("K2R")


@given(st.lists(CODES, max_size=30), st.sampled_from([SEQUENTIAL, shifted(-1), read_numbering({"skip": [3]})]))
def test_what_is_found_wrong_in_little_time_has_the_same_problems(texts, numbering):
    quick, slow = VariantRules(PARENT, numbering), VariantRules(PARENT, numbering)
    place = Place(line=3, record="a", index=1).field("sequence")
    for text in texts:
        if found := quick.wrong(text, place):
            assert slow.cleaned(text) == (text, frozenset())
            assert slow.problems(text, place) == found
    assert (quick.hint(), quick.warnings()) == (slow.hint(), slow.warnings())
    assert VariantRules(PARENT, numbering, lengths=True).wrong("R2K", Place()) == []


def test_wrong_places_are_found_in_little_time():
    rules = VariantRules(PARENT, SEQUENTIAL)
    assert [rules.wrong(text, Place())[0].code for text in ("R2K", "K99R")] == ["wrong_wild_type", "position_outside"]
    assert not any(rules.wrong(text, Place()) for text in ("", "K2R", "WT", "R2K:T3S", "r2k", "K2K", "R2X", "R2"))


@given(st.lists(CODES, max_size=20))
def test_lists_have_the_same_records_as_items(texts):
    lists, items = (ItemRule(replace(ENCODE, variants=VariantRules(PARENT, SEQUENTIAL)), Tally()) for _ in range(2))
    for index, text in enumerate(text for text in texts if text.strip()):
        one = items.read({"variant": text, "name": text[:100]}, index, line=index + 1)
        assert lists.line(text, index, index + 1) == one
    assert (lists.tally.records, lists.tally.cleaning) == (items.tally.records, items.tally.cleaning)


def test_correct_codes_are_taken_in_little_time():
    rules = VariantRules(PARENT, SEQUENTIAL)
    assert all(rules.takes(variant.code()) for variant in single_variants(PARENT))
    assert rules.takes("K2R:T3S")
    assert rules.takes("K2R:T3S"), "again"
    assert not any(map(rules.takes, ["", "WT", "T3S:K2R", "K2R:K2W", "K2K", "k2r", " K2R", "K2R:", "K02R", "K2X"]))
