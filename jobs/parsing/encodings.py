"""Encodings of text: which one a file begins with."""

from __future__ import annotations

import codecs

_UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOOKED_AT = 64  # bytes that tell UTF-16 without a byte order mark


def encoding_of(head: bytes) -> str | None:
    """Return "utf-32", "utf-16", "utf-16-le" or "utf-16-be" if text begins so, or None for any other file."""
    if head.startswith(_UTF_32):
        return "utf-32"
    if head.startswith(_UTF_16):
        return "utf-16"
    # Without a byte order mark every other byte of Latin letters is zero.
    start = head[: min(len(head), _LOOKED_AT) // 2 * 2]
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(start) >= 4 and not any(zeros) and all(letters) and letters.isascii():
            return encoding
    return None


def head_text(head: bytes) -> str:
    """Return the beginning of a file as text in its encoding, without a byte order mark."""
    return head.decode(encoding_of(head) or "utf-8", "replace").lstrip("\ufeff")
