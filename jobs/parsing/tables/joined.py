"""Variants that a table has in three columns: the site, the wild-type residue, and the new one, as dms_tools writes."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.parsing.roles import places

SITES = ("site", "position", "pos", "resi", "residue_number")
WILD_TYPES = ("wildtype", "wild_type", "wildtype_aa", "wt", "wt_aa", "wtaa", "wild_type_aa", "ref_aa", "orig_aa")


class VariantCells:
    """The variant in a row: the cell at `at`, or a code of three cells if that is a new residue alone."""

    def __init__(self, columns: Sequence[str], at: int) -> None:
        self._at = at
        sites, wild = places(columns, SITES), places(columns, WILD_TYPES)
        self._rest = (wild[0], sites[0]) if len(sites) == len(wild) == 1 and at not in (*sites, *wild) else None

    @property
    def site(self) -> int | None:
        """The place of the sites, which are no measurements, or None if the cells are codes."""
        return None if self._rest is None else self._rest[1]

    def of(self, cells: Sequence[str]) -> str:
        text = cells[self._at]
        if self._rest is None or len(new := text.strip()) != 1:
            return text
        wild, site = (cells[at].strip() for at in self._rest)
        return f"{wild}{site}{new}" if len(wild) == 1 and site.isascii() and site.isdecimal() else text
