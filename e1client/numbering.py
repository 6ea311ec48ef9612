"""A file with the numbers of residues, which goes with a submission of score or scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e1client.errors import UsageError
from e1client.uploads import Source, Upload, open_upload

FIELD = "numbering_file"


@dataclass(frozen=True)
class NumberingFile:
    """A structure (PDB, mmCIF), a table or a list with the number of each residue of the parent.

    `column` is the name of the table's column of numbers, `chain` that of the structure's chain. The service chooses
    them if they are empty.
    """

    file: Source
    column: str = ""
    chain: str = ""

    def upload(self) -> dict[str, Upload]:
        """Return the file by its field of the form."""
        return {FIELD: open_upload(self.file, what="numbering")}

    def fields(self) -> dict[str, str]:
        """Return the other fields of the form."""
        fields = {"numbering_column": self.column, "numbering_chain": self.chain}
        return {name: text for name, text in fields.items() if text}


NumberingLike = Source | NumberingFile


def numbering_file(numbering: NumberingLike | None) -> NumberingFile | None:
    """Return a file by its path, with its column and chain unsaid."""
    return numbering if numbering is None or isinstance(numbering, NumberingFile) else NumberingFile(numbering)


def chosen(file: Path | None, column: str, chain: str) -> NumberingFile | None:
    """Return the file of options of a command. Raises UsageError for a column or a chain without a file."""
    if file is None and (column or chain):
        raise UsageError("--numbering-column and --numbering-chain choose a part of the file of --numbering")
    return None if file is None else NumberingFile(file, column, chain)
