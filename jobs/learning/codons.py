"""Degenerate codons: which residues they code for, how evenly, and how many clones a library needs.

A scheme is one degenerate codon or a mixture. Its primers are mixed by the number of their codons, so that every codon
is equally frequent. 22c is the mixture of NDT, VHG and TGG (Kille et al. 2013, doi:10.1021/sb300037w).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import comb, log, log1p, prod

from e1protocol import CANONICAL

STOP = "*"
CONFIDENCE = 0.95

BASES = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
"""Letters of degenerate codons (IUPAC)."""


@cache
def genetic_code() -> dict[str, str]:
    """Return the residue of each codon in the standard genetic code; `*` ends a protein."""
    from Bio.Data.CodonTable import unambiguous_dna_by_name

    table = unambiguous_dna_by_name["Standard"]
    return dict(table.forward_table) | dict.fromkeys(table.stop_codons, STOP)


def codons_of(degenerate: str) -> list[str]:
    """Return the codons of a degenerate one, such as 32 for NNK. Raises ValueError for other letters."""
    if len(degenerate) != 3 or any(letter not in BASES for letter in degenerate):
        raise ValueError(f"{degenerate!r} is no codon: it takes three of {''.join(BASES)}")
    return ["".join(letters) for letters in product(*(BASES[letter] for letter in degenerate))]


def residues_of(degenerate: Iterable[str]) -> Counter[str]:
    """Return how many codons of a mixture code for each residue; `*` counts stops."""
    code = genetic_code()
    return Counter(code[codon] for one in degenerate for codon in codons_of(one))


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to randomise a site: the degenerate codons of its primers."""

    name: str
    codons: tuple[str, ...]

    @property
    def size(self) -> int:
        """Codons of the mixture."""
        return sum(len(codons_of(one)) for one in self.codons)

    @property
    def residues(self) -> Counter[str]:
        return residues_of(self.codons)


SCHEMES = {
    one.name: one for one in (Scheme("NNK", ("NNK",)), Scheme("22c", ("NDT", "VHG", "TGG")), Scheme("NDT", ("NDT",)))
}


def minimal_scheme(wanted: Iterable[str], usage: Mapping[str, float] | None = None) -> Scheme:
    """Return few degenerate codons that code for exactly the wanted residues, each by few codons, and for no stop.

    Each step takes the codon that adds most residues; among equal ones that with fewest codons. Then it takes the one
    whose rarest codon the host uses most, and then the first by alphabet. `usage` is that of `jobs.learning.dna`.
    Raises ValueError if there are no residues, or others than the canonical ones.
    """
    left = set(wanted)
    if not left or left - set(CANONICAL):
        raise ValueError(f"choose residues of {CANONICAL}")
    usable = [one for one in _every_codon() if one[2] <= left]
    chosen: list[str] = []
    while left:
        _, name, gained = min(usable, key=lambda one: (-len(one[2] & left), one[0], -_least(one[1], usage), one[1]))
        chosen.append(name)
        left -= gained
    return Scheme("+".join(chosen), tuple(chosen))


def _least(degenerate: str, usage: Mapping[str, float] | None) -> float:
    """Return the share of its residue that the host has of the rarest codon."""
    return 0.0 if usage is None else min(usage.get(one, 0.0) for one in codons_of(degenerate))


@cache
def _every_codon() -> list[tuple[int, str, frozenset[str]]]:
    """Return size, name and residues of every degenerate codon."""
    names = ["".join(letters) for letters in product(BASES, repeat=3)]
    return [(len(codons_of(one)), one, frozenset(residues_of((one,)))) for one in names]


def clones_for_one(members: int, confidence: float = CONFIDENCE) -> int:
    """Return the clones after which a given one of `members` equally frequent members is there, to the nearest."""
    return 1 if members <= 1 else round(log(1 - confidence) / log1p(-1 / members))


def clones_for_all(members: int, confidence: float = CONFIDENCE) -> int:
    """Return the clones after which all of `members` equally frequent members are there.

    The number of missing members is about Poisson, with the mean members x exp(-clones / members).
    """
    return 1 if members <= 1 else round(members * log(members / -log(confidence)))


def chance_of_all_residues(scheme: Scheme, clones: int) -> float:
    """Return the chance that every residue of a scheme is among the clones of one site, exactly.

    By inclusion and exclusion over the residues that are missing. Only the number of their codons matters.
    """
    terms: Counter[int] = Counter({0: 1})
    sizes = Counter(count for residue, count in scheme.residues.items() if residue != STOP)
    for size, count in sizes.items():
        added: Counter[int] = Counter()
        for missing, factor in terms.items():
            for more in range(count + 1):
                added[missing + size * more] += factor * (-1) ** more * comb(count, more)
        terms = added
    return float(sum(factor * (1 - missing / scheme.size) ** clones for missing, factor in terms.items()))


def clones_for_all_residues(scheme: Scheme, confidence: float = CONFIDENCE) -> int:
    """Return the least clones of one site among which every residue is with this confidence."""
    low, high = 1, 2
    while chance_of_all_residues(scheme, high) < confidence:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_of_all_residues(scheme, middle) >= confidence else (middle + 1, high)
    return high


@dataclass(frozen=True, slots=True)
class Design:
    """A combinatorial library: a scheme for each randomised site."""

    schemes: tuple[Scheme, ...]

    @property
    def members(self) -> int:
        """DNA members; all are equally frequent."""
        return prod(one.size for one in self.schemes)

    @property
    def clones(self) -> int:
        """Clones for 95 % of one member."""
        return clones_for_one(self.members)
