"""Numberings that are wrong in part: which region differs, what would correct it, and codes that fit by accident."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.errors import InvalidInput
from jobs.parsing.records import Place
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.numbering_forms import read_numbering
from jobs.science.variants.offsets import Named
from jobs.science.variants.overlays import check_names, overlay
from jobs.science.variants.regions import LEAST_GAIN, Region, numbering_of_regions, regions_of
from jobs.science.variants.rules import VariantRules
from jobs.science.variants.suggestions import accidental_fit, suggest_numbering, wrong_numbering

TEM1 = (
    "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAEDQLGARVGYIELDLNSGKILESFRPEERFPMMSTFKVLLCGAVLSRVDAGQEQLGRRIHYSQNDLVEYSPVTEKHLTDGMTVREL"
    "CSAAITMSDNTAANLLLTTIGGPKELTAFLHNMGDHVTRLDRWEPELNEAIPNDERDTTMPAAMATTLRKLLTGELLTLASRQQLIDWMEADKVAGPLLRSALPAGWFIADKSGAGERGS"
    "RGIIAALGPDGKPSRIVVIYTTGSQATMDERNRQIAEIGASLIKHW"
)
"""TEM-1 beta-lactamase with its signal peptide (UniProt P62593)."""
AMBLER = Numbering.skipping(3, [239, 253])

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYCSRWGGDGFY"
    "AMDYWGQGTLVTVSS"
)
"""Heavy variable domain of trastuzumab."""
KABAT = read_numbering({"labels": "1-52, 52A, 53-82, 82A-82C, 83-100, 100A-100C, 101-113"})


def pairs_of(parent, numbering):
    """Return letter and number of each residue without an insertion letter."""
    labels = ((letter, numbering.label(position)) for position, letter in enumerate(parent, start=1))
    return [(letter, label.number) for letter, label in labels if not label.letter]


def codes_of(parent, numbering, mutant="C"):
    return [f"{letter}{numbering.label(position)}{mutant}" for position, letter in enumerate(parent, start=1)]


def problems_of(codes, parent, numbering):
    rules = VariantRules(parent, numbering)
    return rules, [problem for code in codes for problem in rules.problems(code, Place(record=code))]


def test_ambler_numbering_is_found_region_by_region():
    assert regions_of(pairs_of(TEM1, AMBLER), TEM1) == [Region(2, 3, 238), Region(3, 240, 252), Region(4, 254, 290)]
    assert suggest_numbering(pairs_of(TEM1, AMBLER), TEM1) == AMBLER


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_where_an_offset_fits_in_part_the_region_is_said_and_the_remedy_works(offset):
    rules, problems = problems_of(codes_of(TEM1, AMBLER), TEM1, Numbering.shifted(offset))
    assert problems
    hint = rules.hint()
    assert (hint.code, hint.path) == ("wrong_numbering", "params.numbering")
    assert "by 2 up to 238, by 3 from 240 on, by 4 from 254 on" in hint.message
    assert "286 of 286" in hint.message
    assert hint.remedy == (
        'Set the numbering offset to 2 and skip the numbers 239, 253: {"start": 3, "skip": [239, 253]}.'
    )
    numbering = read_numbering({"start": 3, "skip": [239, 253]})
    assert problems_of(codes_of(TEM1, AMBLER), TEM1, numbering)[1] == []


def test_insertion_letters_are_suggested_where_numbers_fall_behind():
    pairs = pairs_of(HEAVY, KABAT)
    assert [region.offset for region in regions_of(pairs, HEAVY)] == [0, -1, -4, -7]
    assert suggest_numbering(pairs, HEAVY) == KABAT
    rules, problems = problems_of(codes_of(HEAVY, KABAT), HEAVY, SEQUENTIAL)
    assert {problem.code for problem in problems} == {"wrong_wild_type", "position_outside"}
    hint = rules.hint()
    assert hint.code == "wrong_numbering"
    assert '{"labels": "1-52, 52A, 53-82, 82A-82C, 83-100, 100A-100C, 101-113"}' in hint.remedy
    assert problems_of(codes_of(HEAVY, KABAT), HEAVY, KABAT)[1] == []


def test_a_code_that_fits_another_arginine_is_warned_about():
    rules, problems = problems_of(codes_of(TEM1, AMBLER), TEM1, Numbering.shifted(2))
    refused = {problem.record for problem in problems}
    assert "R275C" not in refused, "offset 2 takes it for the arginine at position 273"
    hint, warning = rules.warnings()
    assert hint.code == "wrong_numbering"
    assert warning.code == "accidental_fit"
    assert "R275 may fit" in warning.message
    taken = [code for code in codes_of(TEM1, AMBLER)[236:] if code not in refused]
    assert all(code[:-1] in warning.message for code in taken)
    assert problems_of(codes_of(TEM1, AMBLER), TEM1, AMBLER)[0].warnings() == []


def test_a_code_alone_among_codes_that_do_not_fit_is_warned_about_even_if_nothing_explains_them():
    pairs = [(letter, number) for number, letter in enumerate("MKTAYIAKQRQISFVKSHFSRQ", start=1)]
    stray = [("W", number) for number in range(101, 106)] + [("R", 106)] + [("W", number) for number in range(107, 111)]
    parent = "MKTAYIAKQRQISFVKSHFSRQ" + "G" * 83 + "R" + "G" * 20
    warning = accidental_fit(Named([*pairs, *stray]), parent, SEQUENTIAL)
    assert warning.message.startswith("R106 may fit the parent by accident")
    assert "R106 is taken for position 106" in warning.message
    assert accidental_fit(Named(pairs), parent, SEQUENTIAL) is None


def test_skipped_numbers_that_cannot_be_told_are_said_to_be_a_guess():
    pairs = [pair for pair in pairs_of(TEM1, AMBLER) if not 230 <= pair[1] <= 260]
    problem = wrong_numbering(Named(pairs), TEM1, Numbering.shifted(2))
    assert "by 2 up to 229, by 4 from 261 on" in problem.message
    assert "2 of the numbers 230 to 260 are skipped, and the codes do not tell which" in problem.message
    assert '{"start": 3, "skip": [259, 260]}' in problem.remedy


def test_a_few_strays_do_not_make_a_region():
    pairs = pairs_of(TEM1, Numbering.shifted(2))
    pairs[10], pairs[200] = ("W", pairs[10][1]), ("W", pairs[200][1])
    assert regions_of(pairs, TEM1) == [Region(2, 3, 288)]
    assert wrong_numbering(Named(pairs), TEM1, Numbering.shifted(2)) is None
    assert wrong_numbering(Named([]), TEM1, SEQUENTIAL) is None
    assert wrong_numbering(Named([("B", 7)]), TEM1, SEQUENTIAL) is None


@given(
    st.lists(st.tuples(st.integers(12, 40), st.integers(-4, 9).filter(bool)), min_size=1, max_size=4),
    st.integers(-30, 300),
    st.integers(0, 2**32 - 1),
)
def test_what_is_suggested_explains_as_much_as_the_truth(steps, start, seed):
    """Each stretch of residues is followed by a jump of the numbers, or by residues with insertion letters."""
    labels, number = [], start
    for stretch, jump in steps:
        labels += [str(at) for at in range(number, number + stretch)]
        number += stretch
        labels += [f"{number - 1}{chr(ord('A') + at)}" for at in range(-jump)]
        number += max(0, jump)
    labels += [str(at) for at in range(number, number + 20)]
    truth = read_numbering({"labels": labels})
    draw = np.random.default_rng(seed)
    parent = "".join(CANONICAL[at] for at in draw.integers(20, size=len(labels)))
    pairs = pairs_of(parent, truth)
    found = numbering_of_regions(regions_of(pairs, parent), len(parent))
    if found is not None:
        right = sum((position := found.position(number)) is not None and parent[position - 1] == letter
                    for letter, number in pairs)  # fmt: skip
        assert right >= len(pairs) - LEAST_GAIN * len(steps)


def test_an_assay_in_ambler_numbering_is_refused_or_warned_about():
    names = codes_of(TEM1, AMBLER)
    with pytest.raises(InvalidInput) as caught:
        check_names(names, TEM1, SEQUENTIAL)
    assert caught.value.code == "wrong_numbering"
    assert caught.value.problems[0].path == "numbering"
    check_names(names, TEM1, Numbering.shifted(2))
    values = list(accumulate([0.5] * len(names)))
    found = overlay(names, values, TEM1, Numbering.shifted(2), lambda _: 1.0)
    assert found.unreadable == 47
    assert [problem.code for problem in found.warnings] == ["wrong_numbering", "accidental_fit"]
    right = overlay(names, values, TEM1, AMBLER, lambda _: 1.0)
    assert (right.unreadable, right.warnings) == (0, ())
