"""Sequences in three letters for each residue, such as MetLysThr. As single letters they would be another protein."""

from __future__ import annotations

import re

from jobs.errors import Problem
from jobs.parsing.records import Place

THREE_LETTERS = {
    "ALA": "A", "CYS": "C", "ASP": "D", "GLU": "E", "PHE": "F", "GLY": "G", "HIS": "H", "ILE": "I", "LYS": "K",
    "LEU": "L", "MET": "M", "ASN": "N", "PRO": "P", "GLN": "Q", "ARG": "R", "SER": "S", "THR": "T", "VAL": "V",
    "TRP": "W", "TYR": "Y", "TER": "*", "SEC": "U", "PYL": "O", "XAA": "X", "ASX": "B", "GLX": "Z", "XLE": "J",
}  # fmt: skip
"""One-letter codes by three-letter codes in capitals."""

_CODES = "|".join(THREE_LETTERS)
_LEAST = 3  # residues; one sequence in 60 million of nine residues looks like three codes by chance
_ALL = re.compile(rf"(?:{_CODES}){{{_LEAST},}}")
BEGINS = re.compile(rf"(?:{_CODES}){{{_LEAST}}}".encode())
"""How a sequence in capitals begins that may be in three letters."""
_BETWEEN = re.compile(r"[-\s]+")
_SHOWN = 60


def three_letter_problem(sequence: str, place: Place) -> Problem | None:
    """Return the problem of a sequence, in capitals, that is written in three-letter codes, or None."""
    codes = _BETWEEN.sub("", sequence) if "-" in sequence else sequence
    if not _ALL.fullmatch(codes):
        return None
    one = "".join(THREE_LETTERS[codes[at : at + 3]] for at in range(0, len(codes), 3))
    what = f"'{sequence[:9]}...' is written in three letters for each residue"
    shown = one if len(one) <= _SHOWN else f"{one[:_SHOWN]}..."
    return place.problem("three_letters", what, f"Write one letter for each residue: {shown}")
