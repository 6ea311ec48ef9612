"""Binary files, told by their first bytes."""

from __future__ import annotations

from jobs.parsing.encodings import encoding_of

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0", "old_office"),
    (b"{\\rtf", "rtf"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!\x1a", "rar"),
    (b"\x89HDF", "hdf5"),
    (b"\x93NUMPY", "npy"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"SQLite format", "sqlite"),
    (b"\x7fELF", "program"),
    (b"MZ\x90\0", "program"),
    (b"\t\0\0\0\x0eSnapGene", "snapgene"),
    (b"ABIF", "abi"),
    (b"\x80\x02", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x04\x95", "pickle"),
    (b"\x80\x05\x95", "pickle"),
)
"""First bytes, and the key of the kind. `BZh` and `ABIF` need a fifth byte that no sequence has."""

_NOT_A_SEQUENCE = {"bzip2": (4, b"1AY"), "abi": (4, b"\0")}
_INSIDE: tuple[tuple[bytes, str], ...] = (
    (b"application/vnd.oasis.opendocument.spreadsheet", "ods"),
    (b"xl/workbook.", "xlsx"),
    (b"xl/worksheets/", "xlsx"),
    (b"word/document.", "docx"),
    (b"ppt/presentation.", "pptx"),
    (b"Index/Document.iwa", "numbers"),
    (b"/data.pkl", "torch"),
    (b".npy", "npz"),
)
"""Names that the beginning of a ZIP archive has, and what the archive is then."""
_ARCHIVE_SUFFIXES = {".xlsx": "xlsx", ".xlsm": "xlsx", ".docx": "docx", ".pptx": "pptx", ".ods": "ods", ".npz": "npz"}
_MAPS = frozenset(bytes([first]) for first in range(0x80, 0x90))
_BCIF_NAMES = 500
"""Bytes that have the encoder and the version before the name of the data."""
_TAR_HEADER, _TAR_SUM = 512, slice(148, 156)


def binary_kind(head: bytes, filename: str) -> str | None:
    """Return the key of the kind of a binary file, or None if `head` may be text in some encoding."""
    found = next((kind for magic, kind in SIGNATURES if head.startswith(magic)), None)
    if found in _NOT_A_SEQUENCE:
        at, more = _NOT_A_SEQUENCE[found]
        found = found if more in head[at : at + 8] else None
    if found == "zip":
        return _archive(head, filename)
    if found is not None:
        return found
    if _is_tar(head):
        return "tar"
    if _is_bcif(head) or (filename.lower().endswith((".bcif", ".bcif.gz")) and not head[:1].isspace()):
        return "bcif"
    # MMseqs2 ends blocks of A3M by NUL, and the first block may be empty.
    if head.lstrip(b"\0")[:1] in (b">", b"#") or encoding_of(head) is not None:
        return None
    return "binary" if head[:4].count(0) else None


def _archive(head: bytes, filename: str) -> str:
    inside = next((kind for name, kind in _INSIDE if name in head), None)
    suffix = next((kind for suffix, kind in _ARCHIVE_SUFFIXES.items() if filename.lower().endswith(suffix)), None)
    return inside or suffix or "zip"


def _is_bcif(head: bytes) -> bool:
    """Return whether the file is a map of MessagePack whose first names are those of BinaryCIF."""
    return head[:1] in _MAPS and b"dataBlocks" in head[:_BCIF_NAMES]


def _is_tar(head: bytes) -> bool:
    """Return whether the first 512 bytes are the header of a file in a tar archive, by its checksum."""
    header = head[:_TAR_HEADER]
    if len(header) < _TAR_HEADER:
        return False
    if header[257:262] == b"ustar":
        return True
    written = header[_TAR_SUM].strip(b"\0 ")
    if not written or written.strip(b"01234567"):
        return False
    blank = header[: _TAR_SUM.start] + b" " * 8 + header[_TAR_SUM.stop :]
    return int(written, 8) == sum(blank)
