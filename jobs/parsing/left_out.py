"""Kinds of rows that a score set has and an action cannot score. Such rows are left out, and counted by kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LEFT_OUT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "synonymous": ("synonymous change", "synonymous changes"),
        "stop": ("stop", "stops"),
        "frame_shift": ("frame shift", "frame shifts"),
        "extension": ("lost start or stop", "lost starts or stops"),
        "deletion": ("deletion", "deletions"),
        "insertion": ("insertion", "insertions"),
        "duplication": ("duplication", "duplications"),
        "deletion_insertion": ("deletion with an insertion", "deletions with insertions"),
        "other_residue": ("residue other than the 20", "residues other than the 20"),
        "unknown": ("unknown change", "unknown changes"),
        "no_variant": ("row without a variant", "rows without a variant"),
    }
)
"""Words for one and for several rows of each kind."""

OF_LENGTH = ("deletion", "insertion", "duplication", "deletion_insertion")
"""Kinds that have a pseudo-log-likelihood."""
_PREFIX = "left_out_"


def key_of_kind(kind: str) -> str:
    """Return the key of a kind among the counts of what was cleaned."""
    return _PREFIX + kind


def counts_by_kind(cleaning: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of rows that were left out, by kind, from those of what was cleaned."""
    return {kind: count for kind in LEFT_OUT if (count := cleaning.get(_PREFIX + kind, 0))}


def cleaned_of(cleaning: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of what was cleaned, without those of 0 and of rows that were left out."""
    return {what: count for what, count in cleaning.items() if count and not what.startswith(_PREFIX)}


def left_out_facts(counts: Mapping[str, int]) -> list[tuple[int, str]]:
    """Return each count with its words, such as (120, "stops"), in the order of LEFT_OUT."""
    return [(counts[kind], words[counts[kind] != 1]) for kind, words in LEFT_OUT.items() if counts.get(kind)]


def phrase_of(counts: Mapping[str, int]) -> str:
    """Return counts in words: "120 stops, 30 synonymous changes and 1 deletion"."""
    words = [f"{count:,} {what}" for count, what in left_out_facts(counts)]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1] if words else "")))
