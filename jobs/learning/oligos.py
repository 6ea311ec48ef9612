"""The DNA of a degenerate library: one sequence for each combination of the sites' degenerate codons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from jobs.learning.codons import Scheme, codons_of


@dataclass(frozen=True, slots=True)
class Oligo:
    """A sequence with a degenerate codon at each site. `share` is its part of the mixture, by its number of members."""

    codons: tuple[str, ...]
    members: int
    share: float

    def dna(self, cds: str, positions: Sequence[int]) -> str:
        """Return the coding sequence with these codons at `positions`, which count from 1."""
        found = [cds[at : at + 3] for at in range(0, len(cds), 3)]
        for position, codon in zip(positions, self.codons, strict=True):
            found[position - 1] = codon
        return "".join(found)


def oligo_count(schemes: Sequence[Scheme]) -> int:
    """Return how many sequences a library is mixed from."""
    return prod(len(one.codons) for one in schemes)


def oligos_of(schemes: Sequence[Scheme]) -> Iterator[Oligo]:
    """Yield the sequences of a library. Mixed by their shares, all of its members are equally frequent."""
    every = prod(one.size for one in schemes)
    for codons in product(*(one.codons for one in schemes)):
        members = prod(len(codons_of(one)) for one in codons)
        yield Oligo(codons, members, members / every)


def rare_codons(scheme: Scheme, usage: Mapping[str, float], least: float) -> list[str]:
    """Return the codons of a scheme that a host uses for less than `least` of their residue, by alphabet."""
    found = {codon for one in scheme.codons for codon in codons_of(one)}
    return sorted(codon for codon in found if usage.get(codon, 0.0) < least)
