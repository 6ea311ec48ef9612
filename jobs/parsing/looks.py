"""How kinds of text look: each function takes the first lines of a file, at least one and none of them blank.

The time of each is linear in the length of the lines.
"""

from __future__ import annotations

import csv
import re
import string
from collections.abc import Sequence

import orjson

from jobs.parsing.roles import SEQUENCES, VARIANTS, key, known
from jobs.parsing.three_letters import THREE_LETTERS

SEPARATORS = "\t;,"
_LOOKED_AT = 20  # lines that tell tables and lists apart
_CELL_SHOWN = 100
_LINE_SHOWN = 1000
"""Characters of a line that tell whether it is a list of codes."""
_MOST = 0.75
"""Share of the lines of a list without a header that have a sequence: one may be at fault."""
_LEAST_SEQUENCE = 5
"""Letters from which a cell of a list without a header may be a sequence."""
_BEFORE = "\ufeff\0 \t"
"""Characters that may come before the first one of a line."""


def is_fasta(lines: Sequence[str]) -> bool:
    """Return whether the first line that is no comment is a header. Of old, `;` could begin one too."""
    line = lines[main_line(lines, "#;")]
    return is_header(line) or (lines[0].startswith(";") and _is_bare(line))


def main_line(lines: Sequence[str], comments: str) -> int:
    """Return the number of the first line that does not begin with one of the characters `comments`, else the last."""
    found = (at for at, line in enumerate(lines) if line.lstrip(_BEFORE)[:1] not in comments)
    return next(found, len(lines) - 1)


def is_header(line: str) -> bool:
    return line.lstrip(_BEFORE).startswith(">")


_PIR = re.compile(r">(P1|F1|DL|DC|RL|RC|N1|N3|XX);")


def is_pir(lines: Sequence[str]) -> bool:
    return _PIR.match(lines[main_line(lines, "#;")].lstrip(_BEFORE)) is not None


_COLABFOLD = re.compile(r"#\d{1,9}(,\d{1,9})*\t\d{1,9}(,\d{1,9})*\s*$")
_ANNOTATION = re.compile(r">(ss|sa|aa)_(pred|conf|dssp)\b")
GAP_MARKS = frozenset("-._~")
"""Characters that alignment formats write for a gap."""
_NO_INSERTIONS = str.maketrans("", "", string.ascii_lowercase + ".")


def is_a3m(lines: Sequence[str]) -> bool:
    """Return whether these are rows of A3M, which have gaps and are equally long without their lower-case letters."""
    if not is_fasta(lines):
        return False
    if _COLABFOLD.match(lines[0]) or any(line[:1] == "\0" or _ANNOTATION.match(line) for line in lines):
        return True
    rows = _rows(lines)
    lengths = {len(row.translate(_NO_INSERTIONS)) for row in rows}
    return len(rows) > 1 and len(lengths) == 1 and any("-" in row for row in rows)


def is_aligned(lines: Sequence[str]) -> bool:
    """Return whether these are records of FASTA that are equally long with their gaps."""
    if not is_fasta(lines):
        return False
    rows = _rows(lines)
    return len(rows) > 1 and len(set(map(len, rows))) == 1 and any(not GAP_MARKS.isdisjoint(row) for row in rows)


def _rows(lines: Sequence[str]) -> list[str]:
    """Return the records of FASTA without blanks. The last of several is left out: the head may have cut it."""
    rows: list[list[str]] = []
    for line in lines:
        if is_header(line):
            rows.append([])
        elif rows:
            rows[-1].append("".join(line.split()).rstrip("*\0"))
    joined = [row for parts in rows if (row := "".join(parts))]
    return joined[:-1] if len(joined) > 2 else joined


def is_fastq(lines: Sequence[str]) -> bool:
    return lines[0].startswith("@") and len(lines) > 2 and lines[2].startswith("+")


_ALIGNER = re.compile(r"\s*(CLUSTAL|MUSCLE|PROBCONS|MSAPROBS|KALIGN|T-COFFEE|PROMALS|DIALIGN)", re.IGNORECASE)


def is_clustal(lines: Sequence[str]) -> bool:
    if len(lines) < 2 or not _ALIGNER.match(lines[0][:_CELL_SHOWN]):
        return False
    if "alignment" in lines[0][:_CELL_SHOWN].lower():
        return True
    words = lines[1].split()
    return len(words) in (2, 3) and not words[1].strip(string.ascii_letters + "-.*")


def is_phylip(lines: Sequence[str]) -> bool:
    return len(lines) > 1 and len(words := lines[0].split()) == 2 and all(word.isdecimal() for word in words)


_PDB = re.compile(
    r"HEADER {4}|ATOM  [ \d*]{5}|HETATM[ \d*]{5}|REMARK {1,4}\d|MODEL {4,}\d|CRYST1 |TITLE {5}|COMPND {4}|EXPDTA {4}"
    r"|SEQRES {2,}\d|OBSLTE {4}|NUMMDL {4}|PFRMAT "
)
_COORDINATES = slice(30, 54)


def is_pdb(lines: Sequence[str]) -> bool:
    """Return whether the first line is one of PDB, or a later one has the coordinates of an atom."""
    if _PDB.match(lines[0]):
        return True
    return any(line[:6] in ("ATOM  ", "HETATM") and line[_COORDINATES].count(".") == 3 for line in lines)


def is_mmcif(lines: Sequence[str]) -> bool:
    return lines[main_line(lines, "#")].strip().lower().startswith("data_")


def is_newick(lines: Sequence[str]) -> bool:
    first = lines[0].strip()
    return first.startswith("(") and "," in first and lines[-1].rstrip().endswith(";")


def is_jsonl(lines: Sequence[str]) -> bool:
    first = lines[0].strip()
    return first.startswith("{") and first.endswith("}") and not _has_items(first)


def _has_items(line: str) -> bool:
    """Return whether a line is an object with `items`, which is a whole request and no item of a library."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and "items" in value


def is_numbered(lines: Sequence[str]) -> bool:
    """Return whether all lines have letters with a number before or behind them, and the numbers grow.

    Records of GenBank and UniProt write sequences so.
    """
    numbers: list[int] = []
    for line in lines[:_LOOKED_AT]:
        words = line.split()
        if words == ["//"] or (words == ["ORIGIN"] and not numbers):
            continue
        at = 0 if words[0].isdecimal() else -1
        number = words.pop(at)
        if not words or not number.isdecimal() or len(number) > 9 or "".join(words).strip(string.ascii_letters + "*"):
            return False
        numbers.append(int(number))
    return bool(numbers) and numbers == sorted(set(numbers))


_CODE = re.compile(
    rf"(?:p\.)?\(?(?:[a-z]{{1,3}}|(?:{'|'.join(THREE_LETTERS)})[a-z]|\*)"
    r"-?\d{1,9}[a-z]?(?:_[a-z]{1,3}-?\d{1,9}[a-z]?)?"
    r"(?:[a-z]{1,3}|[*=?-]|[a-z]{0,3}(?:del|dup|ins|fs|ext)[a-z\d*?=-]*)\)?$",
    re.IGNORECASE | re.ASCII,
)
_BETWEEN_CODES = re.compile(r"[\s,;:/+\[\]]+|(?<=[A-Za-z*=])[_-](?=[A-Za-z])")
_PARENTS = frozenset({"wt", "_wt", "p.=", "p.(=)", "p.?", "_sy"})


def is_codes(lines: Sequence[str]) -> bool:
    """Return whether most lines are codes of variants, such as `A24T:G56D`, `p.Ala24Thr` or FoldX's `KA24R,LA30M;`.

    One code alone is no list: `MK1T` may be a sequence with a wrong letter.
    """
    looked = lines[:_LOOKED_AT]
    if any(known(cells(looked[main_line(looked, "#")], separator)) for separator in SEPARATORS):
        return False
    found = [_codes_in(line) for line in looked]
    if len(looked) == 1 and (found[0] or 0) < 2:
        return False
    return any(found) and sum(codes is not None for codes in found) >= _MOST * len(looked)


def is_code(cell: str) -> bool:
    """Return whether a cell holds codes of variants alone, and at least one."""
    return bool(_codes_in(cell))


def _codes_in(line: str) -> int | None:
    """Return how many codes a line has, without names of the parent, or None if it has anything else."""
    words = [word for word in _BETWEEN_CODES.split(line.strip()[:_LINE_SHOWN]) if word]
    codes = [word for word in words if word.lower() not in _PARENTS]
    return len(codes) if words and all(_CODE.match(word[:_CELL_SHOWN]) for word in codes) else None


_ALONE = frozenset(name for role in (SEQUENCES, VARIANTS) for name in role.ranks[0])
"""Names that a table of one column has."""
_SEPARATOR_LINE = re.compile(r'"?sep=."?\s*$', re.IGNORECASE)


def cells(line: str, separator: str) -> list[str]:
    """Return the cells of one row without blanks around them, or none if its quotation marks do not match."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=True))]
    except (csv.Error, StopIteration):
        return []


def is_uniprot_table(lines: Sequence[str]) -> bool:
    return {"Entry", "Entry Name"} <= set(cells(lines[0], "\t"))


def is_table(lines: Sequence[str]) -> bool:
    """Return whether the header names a column that tables have, or the first lines have equally many cells."""
    if _SEPARATOR_LINE.match(lines[0]):
        return True
    rows = lines[main_line(lines, "#") :][:_LOOKED_AT]
    for separator in SEPARATORS:
        header = cells(rows[0], separator)
        if known(header) and (len(header) > 1 or key(header[0]) in _ALONE):
            return True
        if len(header) < 2 or len(rows) < 2:
            continue
        if all(len(cells(row, separator)) == len(header) for row in rows):
            return True
    return False


def is_pairs(lines: Sequence[str]) -> bool:
    """Return whether most lines have a name and a sequence, and none is a header."""
    if _SEPARATOR_LINE.match(lines[0]):
        return False
    looked = lines[:_LOOKED_AT]
    for separator in SEPARATORS:
        first = cells(looked[0], separator)
        # A comma or a semicolon in one line may be that of a sentence.
        if len(first) != 2 or known(first) or (separator != "\t" and len(looked) < 2):
            continue
        rows = [row for line in looked if len(row := cells(line, separator)) == 2]
        if any(sum(may_be_sequence(row[at]) for row in rows) >= _MOST * len(looked) for at in (0, 1)):
            return True
    return False


def may_be_sequence(cell: str) -> bool:
    """Return whether a cell of a table without a header is rather a sequence than a name."""
    letters = cell.removesuffix("*").replace("?", "")
    of_one_case = letters.isupper() or letters.islower()
    return len(letters) >= _LEAST_SEQUENCE and letters.isascii() and letters.isalpha() and of_one_case


_IN_SEQUENCES = frozenset(string.ascii_letters + string.digits + "?*._ \t-")


def is_plain(lines: Sequence[str]) -> bool:
    """Return whether the first line may be a sequence without a header."""
    return _is_bare(lines[0])


def _is_bare(line: str) -> bool:
    """Return whether a line has a letter and nothing that no sequence has. A reader reports other faults."""
    return _IN_SEQUENCES.issuperset(line) and line.upper() != line.lower()
