"""What a file is, from its content, its name and its media type. Content decides if it contradicts the name.

Only the first HEAD bytes are looked at, or LONGEST_HEAD if they are comments, in time linear in their number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from jobs.parsing import looks
from jobs.parsing.encodings import head_text
from jobs.parsing.kinds import KINDS, Kind
from jobs.parsing.signatures import binary_kind

HEAD = 64 * 1024
"""Bytes, once unpacked, that tell the kind of a file."""
LONGEST_HEAD = 4 * 1024 * 1024
"""Bytes that are looked at if the first HEAD ones tell too little."""

_BEGINNING = 200
"""Characters of the first line that are compared with a pattern, which bounds the time of backtracking."""
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_ONLY_COMMENTS = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*+(?:[#;][^\r\n]*+)?(?:[\r\n]++|\Z))++")
_LINE_END = re.compile(r"\r\n|\r|\n")

_SUFFIXES = {
    **dict.fromkeys((".fasta", ".fa", ".faa", ".fas", ".fsa", ".fst", ".mpfa", ".pep", ".aa"), "fasta"),
    **dict.fromkeys((".a3m", ".a2m"), "a3m"),
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonlines"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv", ".tab"), "table"),
}
_MEDIA_TYPES = {
    **dict.fromkeys(("csv", "x-csv", "comma-separated-values", "tab-separated-values"), "table"),
    **dict.fromkeys(("jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "json-lines", "ndjson", "x-ndjson"), "jsonl"),
    **dict.fromkeys(("fasta", "x-fasta", "seq-aa-fasta"), "fasta"),
}
_NAME_WINS = {
    "fasta": ("unknown",),
    "a3m": ("fasta", "aligned_fasta", "unknown"),
    "jsonl": ("unknown",),
    "table": ("plain", "pairs", "unknown"),
}
"""For each kind that a name can tell, the kinds of content that do not contradict it."""


def kind_of(head: bytes, filename: str = "", media_type: str = "") -> Kind:
    """Return the kind of the file that begins with `head`: its first HEAD bytes once unpacked, more, or all of them."""
    if found := binary_kind(head, filename):
        return KINDS[found]
    lines = [line for line in _LINE_END.split(head_text(head)) if line.replace("\0", "").strip()]
    if not lines:
        return KINDS["empty"]
    if len(head) >= HEAD and len(lines) > 1:
        lines.pop()  # The head may have cut it.
    found = next((kind for kind, begins in _BEGINNINGS if begins(lines)), "unknown")
    named = _named(filename, media_type)
    return KINDS[named if named and found in _NAME_WINS[named] else found]


def tells_too_little(head: bytes) -> bool:
    """Return whether the first bytes of a file do not tell its kind: comments alone, or an unfinished line of JSON."""
    written = head.strip(_BLANKS)
    if written.startswith(b"{"):
        return b"\n" not in written and b"\r" not in written
    end = max(head.rfind(b"\n"), head.rfind(b"\r")) + 1 or len(head)
    return _ONLY_COMMENTS.fullmatch(head, 0, end) is not None


def _named(filename: str, media_type: str) -> str | None:
    """Return the kind that the name says, else the media type."""
    name = filename.lower().removesuffix(".gz").removesuffix(".gzip").removesuffix(".bgz")
    found = next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)
    return found or _MEDIA_TYPES.get(media_type.lower().partition(";")[0].strip().rpartition("/")[2])


def _begins(pattern: str, *, case: bool = False) -> Callable[[Sequence[str]], bool]:
    compiled = re.compile(pattern, re.NOFLAG if case else re.IGNORECASE)
    return lambda lines: compiled.match(lines[0][:_BEGINNING]) is not None


_MSF = r"\s*(!!AA_MULTIPLE_ALIGNMENT|!!NA_MULTIPLE_ALIGNMENT|PileUp\s*$|.*\bMSF: *\d+)"

# What the first line tells comes before what the look of several lines tells.
_BEGINNINGS: tuple[tuple[str, Callable[[Sequence[str]], bool]], ...] = (
    ("stockholm", _begins(r"# *STOCKHOLM\b")),
    ("nexus", _begins(r"#NEXUS\b")),
    ("gff", _begins(r"##gff-version\b")),
    ("vcf", _begins(r"##fileformat=VCF")),
    ("pir", looks.is_pir),
    ("aligned_fasta", looks.is_aligned),
    ("a3m", looks.is_a3m),
    ("fasta", looks.is_fasta),
    ("sam", _begins(r"@(HD|SQ|RG|PG|CO)\t", case=True)),
    ("fastq", looks.is_fastq),
    ("html", _begins(r"\s*<(!doctype html|html|head|body)\b")),
    ("xml", _begins(r"\s*<(\?xml|!--|!doctype|[A-Za-z][\w:.-]*[\s>])")),
    ("clustal", looks.is_clustal),
    ("genpept", _begins(r"LOCUS\s+\S+\s+\d+\s+aa\b")),
    ("genbank", _begins(r"LOCUS\s+\S+\s+\d+\s+\S+")),
    ("uniprot_text", _begins(r"ID {3}\S+\s+(Reviewed|Unreviewed|STANDARD|PRELIMINARY);.*AA\.")),
    ("embl", _begins(r"ID {3}\S+.*\bBP\.")),
    ("codes", looks.is_codes),
    ("pdb", looks.is_pdb),
    ("mmcif", looks.is_mmcif),
    ("msf", _begins(_MSF)),
    ("phylip", looks.is_phylip),
    ("hmm", _begins(r"HMMER[23]")),
    ("hhr", _begins(r"Query {2,}\S", case=True)),
    ("blast", _begins(r"(# )?(T?BLAST[NPX]+|PSIBLAST) \d")),
    ("newick", looks.is_newick),
    ("jsonl", looks.is_jsonl),
    ("json", _begins(r"\s*(\[\s*([\[\]{\"\dntf-]|$)|\{\s*([}\"]|$))")),
    ("uniprot_table", looks.is_uniprot_table),
    ("pairs", looks.is_pairs),
    ("numbered", looks.is_numbered),
    ("table", looks.is_table),
    ("plain", looks.is_plain),
)
