"""Names of downloaded files: after the job or the item, in letters that every system keeps."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

LONGEST = 80
"""Characters of the part that a user chose."""
_SUFFIX = re.compile(
    r"(\.(fasta|fa|faa|fas|txt|csv|tsv|jsonl?|xlsx?|a[23]m|sto|aln|pir|gp|gb|seq))?(\.gz|\.zip)?$", re.I
)
"""Endings of uploads. A job is called after its file, and its results are another file."""
_UNSAFE = re.compile(r"""[\s"'<>:/\\|?*%;,`$&#{}~!]+""")
"""Characters that a system, a shell or a header gives a meaning."""


def file_name(chosen: str, fallback: str, *parts: str, suffix: str) -> str:
    """Return `CHOSEN-PART.SUFFIX`, with `fallback` if nothing of `chosen` can be part of a name.

    A part that the name ends with already is not repeated.
    """
    stem = _stem(chosen) or fallback
    for part in parts:
        if part and not f"-{stem}".lower().endswith(f"-{part}".lower()):
            stem = f"{stem}-{part}"
    return f"{stem}.{suffix}"


def _stem(text: str) -> str:
    """Return a name without ending, paths, quotes, blanks, or characters that cannot be seen."""
    visible = "".join(letter for letter in text if unicodedata.category(letter)[0] != "C" or letter in "\t\n\r")
    joined = _UNSAFE.sub("-", _SUFFIX.sub("", unicodedata.normalize("NFC", visible.strip())))
    return joined.strip("-.")[:LONGEST].rstrip("-.")


def attachment(name: str) -> str:
    """Return the value of Content-Disposition for a file of this name: in ASCII, and in UTF-8 if it differs."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, dot, suffix = plain.rpartition(".")
    plain = f"{stem.strip('-.') or 'results'}{dot}{suffix}"
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"
