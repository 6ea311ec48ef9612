"""The example files of the documents, which a wheel carries and a checkout has in `examples/`."""

from __future__ import annotations

from pathlib import Path

from e1client.errors import UsageError

EXAMPLES = ("demo-library.fasta", "predict.json", "log_prob.json", "tem1.fasta", "plate-1.csv")
_PACKAGE = Path(__file__).parent


def write_examples(folder: Path) -> list[Path]:
    """Write the example files into a folder, which is made if it is missing, and return their paths.

    Raises UsageError for a file of the same name with other content: it may be the reader's own.
    """
    sources = [_source(name) for name in EXAMPLES]
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        target = folder / source.name
        if target.exists() and target.read_bytes() != source.read_bytes():
            raise UsageError(f"{target} exists and has other content; name another folder", code="file_exists")
    for source in sources:
        (folder / source.name).write_bytes(source.read_bytes())
    return [folder / source.name for source in sources]


def _source(name: str) -> Path:
    inside = _PACKAGE / "examples" / name
    return inside if inside.is_file() else _PACKAGE.parent / "examples" / name
