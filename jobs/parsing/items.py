"""Items as JSON objects with `sequence`, and optionally `context_sequences` and `name`.

The items of a request's body and the lines of a JSONL file are read by the same code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from jobs.errors import UNBOX, Problem, is_boxed
from jobs.limits import MAX_HEADER, RECORD_PROBLEMS
from jobs.parsing.letters import check_sequence, clean_item, clean_sequence, is_storable, storable
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.tally import Tally

FIELDS = ("sequence", "context_sequences", "name")
VARIANT_FIELDS = ("variant", "sequence", "name")
"""Fields of an item that is a variant: its code, or its full sequence."""
_NAME = 100
"""Characters of a variant that name its record: it may be a whole sequence."""
_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class ItemReader:
    """The items of a JSON body as records, with the interface of `Reader`.

    With `strict` nothing is cleaned: lower case, blanks and `*` are errors. Paths begin with "items.".
    """

    def __init__(
        self, items: Sequence[Any], rules: ItemRules, *, strict: bool, shared_context: Sequence[str] = ()
    ) -> None:
        self._items = items
        self._tally = Tally()
        self._item = ItemRule(rules, self._tally, strict=strict, shared_context=shared_context)

    def __iter__(self) -> Iterator[Record | BadRecord]:
        for index, item in enumerate(self._items):
            yield self._item.read(item, index, path=f"items.{index}")

    @property
    def cleaning(self) -> dict[str, int]:
        return dict(self._tally.cleaning)

    def warnings(self) -> list[Problem]:
        return self._tally.warnings()


class ItemRule:
    """Turns one decoded JSON value into a record, and counts in `tally` what was cleaned."""

    def __init__(
        self, rules: ItemRules, tally: Tally, *, strict: bool = False, shared_context: Sequence[str] = ()
    ) -> None:
        self.rules = rules
        self.tally = tally
        self._strict = strict
        self._shared = tuple(shared_context)

    def line(self, text: str, index: int, line: int) -> Record | BadRecord:
        """Return a line of a list of variants as a record, which its text names."""
        variants = self.rules.variants
        if variants is not None and len(text) <= _NAME:
            if variants.takes(text):
                record = Record(index, text, text, line, text, None)
                self.tally.records += 1
                self.tally.look_at(record)
                return record
            place = Place(line=line, record=text, index=index)
            if problems := variants.wrong(text, place.field("sequence")):
                self.tally.records += 1
                return place.bad(problems, text, text)
        return self.read({"variant": text, "name": text[:_NAME]}, index, line=line)

    def read(
        self, value: Any, index: int, *, line: int = 0, path: str | None = None, header: str | None = None
    ) -> Record | BadRecord:
        """Return one item as a record; `path` is its path in the body, None for a line of a file.

        With a `header`, its first word is the name of the item.
        """
        self.tally.records += 1
        value, fields = self._as_sequence(value)
        name = header.split(" ", 1)[0] if header else _header_of(value)
        header = header or name
        place = Place(line=line or None, record=name or default_name(index), index=index, path=path)
        problems = list(islice(_check_shape(value, place, fields), RECORD_PROBLEMS))
        if problems:
            sequence = value.get("sequence") if isinstance(value, Mapping) else None
            return self._bad(place, header, problems, sequence if isinstance(sequence, str) else "")
        given = value.get("context_sequences")
        texts: list[str] = [value["sequence"], *(given or ())]
        flags: set[str] = set()
        if not self._strict:
            cleaned = [clean_item(texts[0], self.rules), *map(clean_sequence, texts[1:])]
            texts = [text for text, _ in cleaned]
            flags = flags.union(*(done for _, done in cleaned))
        sequence, own = texts[0], None if given is None else tuple(texts[1:])
        if problems := check_sequence(sequence, own, self.rules, place, shared_context=self._shared):
            return self._bad(place, header, problems, sequence)
        record = place.good(header, sequence, own)
        self.tally.cleaned(flags)
        self.tally.look_at(record)
        return record

    def _as_sequence(self, value: Any) -> tuple[Any, Sequence[str]]:
        """Return the item with a variant's code as its sequence and name, and the fields that an item may have."""
        if self.rules.variants is None:
            return value, FIELDS
        if not isinstance(value, Mapping) or "variant" not in value:
            return value, VARIANT_FIELDS
        if "sequence" in value:
            return value, VARIANT_FIELDS[1:]
        code = value["variant"]
        named = {"name": code} if isinstance(code, str) and "name" not in value else {}
        rest = {field: given for field, given in value.items() if field != "variant"}
        return rest | named | {"sequence": code}, VARIANT_FIELDS

    def _bad(self, place: Place, header: str, problems: Sequence[Problem], sequence: str) -> BadRecord:
        return place.bad(problems, header, storable(sequence[: self.rules.max_residues]))


def _header_of(value: Any) -> str:
    """Return the name as given, made safe to store; "" if it is missing, blank or not text."""
    name = value.get("name") if isinstance(value, Mapping) else None
    return storable(name[:MAX_HEADER]) if isinstance(name, str) and name.strip() else ""


def _check_shape(value: Any, place: Place, fields: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of the fields and their types; letters are checked later."""
    if not isinstance(value, Mapping):
        remedy = 'Write each item as {"sequence": "MKT..."}.'
        yield place.problem("wrong_type", f"an item is an object, and this is {_kind(value)}", remedy)
        return
    for field in value:
        if field not in fields:
            unknown = storable(str(field))[:60]
            what = f"there is no field '{unknown}' in an item"
            if field == "variant" and "context_sequences" not in fields:
                what = "an item has both a variant and a sequence"
            yield place.field(unknown).problem("unknown_field", what, f"The fields are {', '.join(fields)}.")
    if "sequence" not in value:
        remedy = "Add the residues as text."
        yield place.field("sequence").problem("missing_field", "the item has no sequence", remedy)
    elif not isinstance(value["sequence"], str):
        yield _not_text(value["sequence"], place.field("sequence"))
    yield from check_context_shape(value.get("context_sequences"), place.field("context_sequences"))
    name = value.get("name")
    if name is not None and not isinstance(name, str):
        yield _not_text(name, place.field("name"))
    elif name and (len(name) > MAX_HEADER or not is_storable(name)):
        what = f"a name is text without control characters, of at most {MAX_HEADER:,} characters"
        yield place.field("name").problem("bad_name", what, "Shorten it, or remove line ends and the like.")


def check_context_shape(value: Any, place: Place) -> Iterator[Problem]:
    """Yield the problems of `value` if it is neither null nor a list of text."""
    if value is None:
        return
    if not isinstance(value, (list, tuple)):
        what = f"context sequences are a list, and this is {_kind(value)}"
        yield place.problem("wrong_type", what, 'Write ["MKT...", "MRT..."], also for a single one.')
        return
    for at, text in enumerate(value):
        if not isinstance(text, str):
            yield _not_text(text, place.field(str(at)))


def _not_text(value: Any, place: Place) -> Problem:
    what = f"this must be text, and it is {_kind(value)}"
    return place.problem("wrong_type", what, UNBOX if is_boxed(value) else 'Put it in quotes: "MKT...".')


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "something else")
