"""What a FASTA header says of a protein: its name in words, and its organism. Pure functions.

Headers have no standard. The forms of UniProt, UniRef, NCBI and the PDB are known; anything else is a description.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNIPROT = re.compile(r"\s(?:OS|OX|GN|PE|SV)=")
_UNIREF = re.compile(r"\s(?:n|Tax|TaxID|RepID)=")
_FIELD = re.compile(r"\s(OS|Tax)=(.*?)(?=\s(?:OS|OX|GN|PE|SV|TaxID|RepID)=|$)")
_NCBI = re.compile(r"^(.*\S)\s+\[([^\[\]]+)\]$")
_PDB = re.compile(r"^[^|\s]+\|Chains? [^|]+\|([^|]+)\|([^|(]+?)(?:\s*\(\d+\))?$")


@dataclass(frozen=True, slots=True)
class Described:
    """A protein in words. Both are empty if the header doesn't say."""

    title: str = ""
    organism: str = ""

    def __str__(self) -> str:
        return f"{self.title}, {self.organism}" if self.title and self.organism else self.title or self.organism


def described(header: str) -> Described:
    """Return what a header says after the name, which is its first word."""
    text = " ".join(header.split())
    if found := _PDB.match(text):
        return Described(found[1].strip(), found[2].strip())
    _, _, rest = text.partition(" ")
    spaced = f" {rest}"
    fields = {name: value.strip() for name, value in _FIELD.findall(spaced)}
    ends = [found.start() for pattern in (_UNIPROT, _UNIREF) if (found := pattern.search(spaced))]
    if ends:
        return Described(spaced[: min(ends)].strip(), fields.get("OS") or fields.get("Tax", ""))
    if found := _NCBI.match(rest):
        return Described(found[1], found[2])
    return Described(rest)
