"""Coding sequences of variants: the parent's DNA with the fewest codons changed.

A mutated residue gets the codon that its host uses most (python-codon-tables, from the Kazusa database). All other
codons are those of the parent's coding sequence. Without one, every residue gets the host's most frequent codon.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jobs.errors import InvalidInput
from jobs.learning.codons import STOP, genetic_code
from jobs.science.variants.codes import Variant

DEFAULT_HOST = "e_coli"


@dataclass(frozen=True, slots=True)
class CodonChange:
    """A changed codon: `position` of its residue, and of its first base in the coding sequence, both from 1."""

    position: int
    base: int
    old: str
    new: str


def hosts() -> list[str]:
    """Return the names of the hosts with a codon table, such as `e_coli`."""
    return sorted(_tables())


@cache
def _tables() -> dict[str, str]:
    from python_codon_tables import available_codon_tables_names

    return {name.rsplit("_", 1)[0]: name for name in available_codon_tables_names}


@cache
def favourites(host: str) -> dict[str, str]:
    """Return the most used codon of each residue; the first by alphabet if several are. Raises InvalidInput."""
    from python_codon_tables import get_codons_table

    name = _tables().get(host)
    if name is None:
        what = f"there is no codon table of the host {host!r}"
        raise InvalidInput.one("unknown_codon_table", what, f"Choose one of {', '.join(hosts())}.", path="host")
    table = get_codons_table(name)
    return {residue: min(codons, key=lambda one: (-codons[one], one)) for residue, codons in table.items()}


@cache
def usage(host: str) -> dict[str, float]:
    """Return how often a host uses each codon among those of its residue, from 0 to 1. Raises InvalidInput."""
    from python_codon_tables import get_codons_table

    favourites(host)  # refuses unknown hosts
    return {codon: share for codons in get_codons_table(_tables()[host]).values() for codon, share in codons.items()}


def translated(dna: str) -> str:
    """Return the protein of whole codons; a stop is `*`. Raises KeyError for other letters than ACGT."""
    code = genetic_code()
    return "".join(code[dna[at : at + 3]] for at in range(0, len(dna) - len(dna) % 3, 3))


def checked_cds(text: str, parent: str) -> str:
    """Return the coding sequence in capitals, without a final stop codon.

    Raises InvalidInput `bad_cds` if it does not code for the parent, with the first codon that differs.
    """
    dna = "".join(text.split()).upper().replace("U", "T")
    strange = next((at for at, base in enumerate(dna) if base not in "ACGT"), None)
    if strange is not None:
        what = f"the coding sequence has {dna[strange]!r} at base {strange + 1:,}"
        raise InvalidInput.one("bad_cds", what, "Send it in A, C, G and T.", path="cds")
    protein = translated(dna)
    if len(dna) == 3 * len(parent) + 3 and protein.endswith(STOP):
        dna, protein = dna[:-3], protein[:-1]
    if len(dna) != 3 * len(parent):
        what = f"the coding sequence has {len(dna):,} bases, and the parent {len(parent):,} residues"
        remedy = f"Send {3 * len(parent):,} bases, or {3 * len(parent) + 3:,} with a stop codon."
        raise InvalidInput.one("bad_cds", what, remedy, path="cds")
    for at, (coded, residue) in enumerate(zip(protein, parent, strict=True)):
        if coded != residue:
            codon = dna[3 * at : 3 * at + 3]
            what = f"codon {at + 1} of the coding sequence, {codon}, codes for {coded} and not {residue}"
            raise InvalidInput.one("bad_cds", what, "Send the coding sequence of this parent.", path="cds")
    return dna


def coding_sequence(parent: str, host: str) -> str:
    """Return the parent's protein in the host's favourite codons."""
    best = favourites(host)
    return "".join(best[residue] for residue in parent)


def changes_of(variant: Variant, cds: str, host: str) -> list[CodonChange]:
    """Return the codons that a variant changes in a coding sequence of its parent."""
    best = favourites(host)
    return [
        CodonChange(one.position, 3 * one.position - 2, cds[3 * one.position - 3 : 3 * one.position], best[one.mutant])
        for one in variant.mutations
    ]


def ordered_dna(variant: Variant, cds: str, host: str) -> str:
    """Return the coding sequence of a variant."""
    codons = [cds[at : at + 3] for at in range(0, len(cds), 3)]
    for change in changes_of(variant, cds, host):
        codons[change.position - 1] = change.new
    return "".join(codons)
