"""Names and organisms in headers of the usual databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.parsing.headers import described


@pytest.mark.parametrize(
    ("header", "title", "organism"),
    [
        (
            "sp|P62593|BLAT_ECOLX Beta-lactamase TEM OS=Escherichia coli OX=562 GN=bla PE=1 SV=1",
            "Beta-lactamase TEM",
            "Escherichia coli",
        ),
        ("tr|A0A1|A0A1_X OS=Bacillus sp. (strain 1)", "", "Bacillus sp. (strain 1)"),
        (
            "UniRef90_P62593 Beta-lactamase TEM n=412 Tax=Enterobacteriaceae TaxID=543 RepID=BLAT_ECOLX",
            "Beta-lactamase TEM",
            "Enterobacteriaceae",
        ),
        (
            "WP_000027057.1 class A beta-lactamase TEM-1 [Enterobacteriaceae]",
            "class A beta-lactamase TEM-1",
            "Enterobacteriaceae",
        ),
        ("1BTL_1|Chain A|BETA-LACTAMASE|Escherichia coli (562)", "BETA-LACTAMASE", "Escherichia coli"),
        ("ubiquitin Human polyubiquitin-C, one repeat", "Human polyubiquitin-C, one repeat", ""),
        ("design_7", "", ""),
        ("", "", ""),
    ],
)
def test_a_header_is_read(header, title, organism):
    found = described(header)
    assert (found.title, found.organism) == (title, organism)


def test_both_are_one_phrase():
    assert str(described("a Lysozyme OS=Gallus gallus")) == "Lysozyme, Gallus gallus"
    assert str(described("a OS=Gallus gallus")) == "Gallus gallus"


@given(st.text())
def test_any_text_is_read_to_one_line(header):
    assert "\n" not in str(described(header))
