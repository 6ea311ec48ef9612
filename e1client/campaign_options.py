"""Arguments that the commands of campaigns share, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e1client.errors import UsageError

CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's name, id or URL.")]
ModelArgument = Annotated[int, typer.Argument(metavar="MODEL", min=1, help="The number of a model.")]
RoundArgument = Annotated[int, typer.Argument(metavar="ROUND", min=1, help="The number of a round.")]


def residues_of(text: str, option: str) -> str:
    """Return the letters of one sequence: `text` itself, or the only record of the FASTA file that it names.

    Raises UsageError if the file cannot be read, or has several records.
    """
    bare = "".join(text.split())
    if bare.isalpha() and not Path(text).is_file():
        return bare
    try:
        lines = Path(text).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        what = f"{option} {text!r} is neither a sequence nor a FASTA file that can be read: {reason}"
        raise UsageError(what, code="file_unreadable") from error
    if sum(line.startswith(">") for line in lines) > 1:
        raise UsageError(f"{option} {text!r} has several records; give a file of one", code="several_records")
    return "".join("".join(line.split()) for line in lines if not line.startswith((">", ";")))


def lines_of(path: Path, option: str) -> list[str]:
    """Return the lines of a file that are neither empty nor comments. Raises UsageError if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option} {str(path)!r} cannot be read: {reason}", code="file_unreadable") from error
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
