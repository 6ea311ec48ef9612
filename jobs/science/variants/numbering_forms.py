"""The forms of a numbering in requests, in stored jobs and in text fields.

`{"offset": 2}`, `{"start": 3, "skip": [239, 253]}` or `{"labels": ...}`. Labels are a list, or text with ranges such as
`1-52, 52A, 53-82, 82A-82C`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from jobs.errors import InvalidInput
from jobs.parsing.numbers import whole
from jobs.science.variants.numbering import LABEL_REMEDY, LARGEST_NUMBER, LONGEST, Label, Numbering, label_of, refused

MOST_LABELS = LONGEST
"""Most labels, and most skipped numbers."""

REMEDY = 'Give {"offset": 2}, {"start": 3, "skip": [239, 253]}, or {"labels": "1-52, 52A, 53-113"}.'

_RANGE = re.compile(r"(-?[0-9]{1,9}[A-Za-z]?)(?:\s*[-\N{EN DASH}]\s*(-?[0-9]{1,9}[A-Za-z]?))?(?=[\s,;]|$)")
_BETWEEN = re.compile(r"[\s,;]*")
_FORMS = ({"offset"}, {"start"}, {"skip"}, {"start", "skip"}, {"labels"})
_SHOWN = 40


def read_numbering(raw: object, path: str = "params.numbering") -> Numbering:
    """Return the numbering in a request or a stored job. Raises InvalidInput `bad_numbering` at `path`."""
    try:
        return _numbering(raw)
    except InvalidInput as error:
        (problem,) = error.problems
        raise InvalidInput.one(problem.code, problem.message, problem.remedy, path=path) from None


def json_of(numbering: Numbering) -> dict[str, Any]:
    """Return the shortest form that `read_numbering` takes."""
    if numbering.labels:
        return {"labels": text_of_labels(numbering.labels)}
    if numbering.skip:
        return {"start": numbering.start, "skip": list(numbering.skip)}
    return {"offset": numbering.start - 1}


def numbering_of_texts(offset: str, skip: str, labels: str, *, prefix: str = "params.") -> dict[str, Any]:
    """Return the parameters `offset` and `numbering` of the text fields of a page. `prefix` begins the paths of errors.

    Raises InvalidInput `bad_offset`, `bad_numbering`, and `two_numberings` for labels beside one of the others.
    """
    number = whole(offset.strip() or "0", -LARGEST_NUMBER, LARGEST_NUMBER)
    if number is None:
        what = f"the offset is {offset.strip()[:_SHOWN]!r}"
        raise InvalidInput.one("bad_offset", what, "Give a whole number, such as 0 or 23.", path=f"{prefix}offset")
    if labels.strip():
        if number or skip.strip():
            what = "there are the numbers of all residues, and an offset or skipped numbers"
            raise InvalidInput.one("two_numberings", what, "Give one of the two.", path=f"{prefix}numbering")
        return {"numbering": {"labels": labels}}
    try:
        skipped = [label.number for label in _plain_labels(skip)]
    except InvalidInput as error:
        (problem,) = error.problems
        raise InvalidInput.one(problem.code, problem.message, problem.remedy, path=f"{prefix}numbering") from None
    return {"numbering": {"start": number + 1, "skip": skipped}} if skipped else {"offset": number}


def texts_of(numbering: Numbering) -> tuple[str, str, str]:
    """Return the texts of the fields, in the order that `numbering_of_texts` takes them."""
    if numbering.labels:
        return "0", "", text_of_labels(numbering.labels)
    return str(numbering.start - 1), ", ".join(map(str, numbering.skip)), ""


def described(numbering: Numbering) -> str:
    """Return the numbering in a few words."""
    offset, skip, labels = texts_of(numbering)
    return labels or (f"offset {offset}, without {skip}" if skip else f"offset {offset}")


def _plain_labels(text: str) -> Iterator[Label]:
    for label in labels_of_text(text):
        if label.letter:
            raise refused(f"{label} is among the skipped numbers", "Write numbers and ranges, such as 239, 253-255.")
        yield label


def numbering_of(params: Mapping[str, Any]) -> Numbering:
    """Return the numbering in the parameters of a job: `numbering`, else `offset`, else that of positions."""
    if raw := params.get("numbering"):
        return _stored(orjson.dumps(raw))
    return Numbering.shifted(int(params.get("offset", 0)))


# Results are made item by item, and a list of labels takes a millisecond to read.
@lru_cache(maxsize=64)
def _stored(raw: bytes) -> Numbering:
    return read_numbering(orjson.loads(raw))


def labels_of_text(text: str) -> Iterator[Label]:
    """Yield labels written with commas, blanks and ranges, such as `1-52, 52A, 53-82, 82A-82C`. Raises InvalidInput."""
    at, count = _after_gap(text, 0), 0
    while at < len(text):
        found = _RANGE.match(text, at)
        if found is None:
            raise refused(f"{_word(text, at)!r} is not the number of a residue", LABEL_REMEDY)
        for label in _run(label_of(found[1]), label_of(found[2] or found[1])):
            if (count := count + 1) > MOST_LABELS:
                what = f"the numbering has more than {MOST_LABELS:,} numbers"
                raise refused(what, "Give one number for each residue.")
            yield label
        at = _after_gap(text, found.end())


def text_of_labels(labels: Sequence[Label]) -> str:
    """Return labels with ranges, as `labels_of_text` takes them: `3-238, 240-252, 254-290`."""
    runs: list[tuple[Label, Label]] = []
    for label in labels:
        if runs and _follows(runs[-1][1], label):
            runs[-1] = (runs[-1][0], label)
        else:
            runs.append((label, label))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _numbering(raw: object) -> Numbering:
    if not isinstance(raw, Mapping):
        raise refused(f"numbering is {str(raw)[:_SHOWN]!r}", REMEDY)
    if set(raw) not in _FORMS:
        fields = ", ".join(sorted(map(str, raw)))[:_SHOWN]
        raise refused(f"numbering has the fields {fields}" if fields else "numbering has no fields", REMEDY)
    if "labels" in raw:
        return Numbering.listed(_labels(raw["labels"]))
    if "offset" in raw:
        return Numbering.shifted(_whole(raw["offset"], "offset"))
    skip = raw.get("skip", [])
    if not isinstance(skip, list) or len(skip) > MOST_LABELS:
        raise refused(f"skip is not a list of at most {MOST_LABELS:,} numbers", "Give a list such as [239, 253].")
    return Numbering.skipping(_whole(raw.get("start", 1), "start"), [_whole(number, "skip") for number in skip])


def _labels(raw: object) -> Iterable[Label]:
    if isinstance(raw, str):
        return labels_of_text(raw)
    if isinstance(raw, list) and len(raw) <= MOST_LABELS:
        return (label_of(str(one)) for one in raw)
    remedy = 'Give a list such as ["52", "52A", "53"], or text such as "1-52, 52A, 53-113".'
    raise refused(f"labels is not a list of at most {MOST_LABELS:,} numbers", remedy)


def _whole(raw: object, name: str) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or abs(raw) > LARGEST_NUMBER:
        raise refused(f"{name} has {str(raw)[:_SHOWN]!r}, which is not the number of a residue", REMEDY)
    return raw


def _run(first: Label, last: Label) -> Iterator[Label]:
    """Yield the labels of a range: numbers without letters, or letters of one number."""
    if first == last:
        yield first
    elif first.number < last.number and not first.letter and not last.letter:
        yield from map(Label, range(first.number, last.number + 1))
    elif first.number == last.number and first.letter < last.letter:
        if not first.letter:
            yield first
        yield from (Label(first.number, chr(code)) for code in range(ord(first.letter or "A"), ord(last.letter) + 1))
    else:
        what = f"{first}-{last} is not a range of residues"
        raise refused(what, "Write ranges of numbers as 1-52, and of insertion letters as 82A-82C.")


def _follows(last: Label, label: Label) -> bool:
    """Return whether a range that ends in `last` may go on with `label`."""
    if last.letter:
        return label == Label(last.number, chr(ord(last.letter) + 1))
    return label == Label(last.number + 1)


def _after_gap(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _word(text: str, at: int) -> str:
    return re.split(r"[\s,;]", text[at : at + _SHOWN], maxsplit=1)[0]
