"""E-mail addresses are left out of what everybody can read, in time that grows with the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.templatetags.publishing import INSTEAD, without_addresses


@pytest.mark.parametrize(
    "address", ["a@b.org", "rosalind.franklin+tem1@kings.example.ac.uk", "x_y-z%1@sub.b-c.org", "ärzte@klinik.example"]
)
@pytest.mark.parametrize("around", ["{}", "ask {} please", "<{}>", "({}),", "mail:{}"])
def test_an_address_is_left_out(address, around):
    assert without_addresses(around.format(address)) == around.format(INSTEAD)


@pytest.mark.parametrize("text", ["", "A24T@30C", "5 @ 37", "@home", "user@host", "a@ b.org"])
def test_other_text_stays(text):
    assert without_addresses(text) == text


@settings(max_examples=40)
@given(st.text(alphabet="ab.@ <-", max_size=60), st.sampled_from(["c@d.org", "c.e@d-f.example"]))
def test_no_address_is_left_between_other_text(around, address):
    assert address not in without_addresses(f"{around} {address} {around}")


def test_long_words_are_read_once():
    """A pattern that begins anew at each letter would take minutes."""
    assert without_addresses("a" * 2_000_000) == "a" * 2_000_000
