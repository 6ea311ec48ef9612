"""Rows of an alignment that are no sequences, by their names: what HHsuite and others write into A3M."""

from __future__ import annotations

import re

_ANNOTATION = re.compile(r"(ss|sa|aa)_[a-z]{1,20}|.{0,200}_consensus|consensus", re.IGNORECASE)


def is_annotation(name: str) -> bool:
    """Return whether a row of this name has secondary structure, accessibility, confidence or a consensus.

    Names such as `aa_1` are those of proteins: HHsuite uses words.
    """
    return _ANNOTATION.fullmatch(name) is not None
