"""What the columns of a table hold, by their names: one list of synonyms for every table.

Names are compared without case, and blanks, hyphens and points count as `_`: `DMS score` is `dms_score`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Ranks = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Role:
    """What a column may hold. Names of an earlier rank win; two names of one rank are unclear.

    `thing` is a word for messages, and `usual` the names that a refusal recommends.
    """

    thing: str
    usual: tuple[str, ...]
    ranks: Ranks

    @property
    def recommended(self) -> str:
        return " or ".join(self.usual)


# Every name is a rank of its own: a table often has several, and any of them names its rows.
_NAME = (
    "name id identifier entry accession uniprot_id uniprot protein_id sequence_id seq_id seqid record_id record "
    "protein protein_name sequence_name seq_name entry_name label title header"
)
_NAMES: Ranks = tuple((name,) for name in _NAME.split())
_CODES = (
    "mutant variant mutation mutants variants mutations hgvs_pro hgvs_p aa_change aa_mutation aa_mutations "
    "aa_substitution aa_substitutions substitution substitutions protein_variant protein_change"
)
_NEW = "mut mut_aa mutaa mutant_aa mt_aa alt_aa"
"""Names of a column of new residues, beside those of the site and of the wild type."""
_MUTATED = "mutated_sequence mutant_sequence variant_sequence mutated_seq"
_MEASURED = "score scores_score fitness activity measured measurement value"
_SEQUENCE = "seq sequences aa_seq aa_sequence aaseq protein_sequence protein_seq amino_acid_sequence"

NAMES = Role("the names", ("name",), (*_NAMES, *((code,) for code in _CODES.split())))
"""Names of records. In a table that has none, the codes of variants are names."""

SEQUENCES = Role("the sequences", ("sequence",), (("sequence",), tuple(_SEQUENCE.split()), tuple(_MUTATED.split())))

VARIANTS = Role(
    "the variants",
    ("mutant", "variant"),
    (
        tuple(_CODES.split()),
        tuple(_NEW.split()),
        tuple(_MUTATED.split()),
        ("sequence",),
        tuple(_SEQUENCE.split()),
        *_NAMES,
    ),
)
"""Variants of a parent: codes before full sequences, and both before names, which may be codes."""

VALUES = Role(
    "the measurements",
    ("DMS_score", "fitness"),
    (("dms_score",), tuple(_MEASURED.split())),
)

SCORE_SET = ("hgvs_pro",)
"""The column of variants in a score set of MaveDB, which has rows that no action can score."""

INDEX = "index"
"""The name of a column of 0-based places, which comes before all names of rows."""

_KNOWN = frozenset(name for role in (NAMES, SEQUENCES, VARIANTS, VALUES) for rank in role.ranks for name in rank) | {
    INDEX
}
_BETWEEN = re.compile(r"[\s.\-]+")


@lru_cache(maxsize=4096)
def key(name: str) -> str:
    """Return a column's name as names are compared."""
    return _BETWEEN.sub("_", name.strip().lower())


def known(columns: Sequence[str]) -> int:
    """Return how many of these columns have a name with a role."""
    return sum(key(name) in _KNOWN for name in columns)


def places(columns: Sequence[str], rank: Sequence[str]) -> list[int]:
    """Return the places of the columns whose names are in the rank."""
    return [at for at, name in enumerate(columns) if key(name) in rank]
