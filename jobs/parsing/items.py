"""Items as JSON has them: objects with `sequence`, and if they like `context_sequences` and `name`.

The same reading serves the items of a request's body and the lines of a JSONL file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from jobs.errors import Problem
from jobs.limits import MAX_HEADER, RECORD_PROBLEMS
from jobs.parsing.letters import check_sequence, clean_item, clean_sequence, is_storable, storable
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.tally import Tally

FIELDS = ("sequence", "context_sequences", "name")
VARIANT_FIELDS = ("variant", "sequence", "name")
"""Fields of an item that is a variant: its code, or its full sequence."""
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
    """Items of a JSON body as records, with the interface of `Reader`.

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


def read_items(
    items: Sequence[Any], rules: ItemRules, *, strict: bool, shared_context: Sequence[str] = ()
) -> Iterator[Record | BadRecord]:
    """The items of a JSON body, in order; see `ItemReader` for what was cleaned and noticed."""
    return iter(ItemReader(items, rules, strict=strict, shared_context=shared_context))


class ItemRule:
    """Turns one value that came out of JSON into a record, and counts what was cleaned."""

    def __init__(
        self, rules: ItemRules, tally: Tally, *, strict: bool = False, shared_context: Sequence[str] = ()
    ) -> None:
        self._rules = rules
        self._tally = tally
        self._strict = strict
        self._shared = tuple(shared_context)

    def read(self, value: Any, index: int, *, line: int = 0, path: str | None = None) -> Record | BadRecord:
        """One item; `path` is its own path in the body, None for a line of a file."""
        self._tally.records += 1
        value, wanted = self._as_sequence(value)
        header = _header_of(value)
        name = header or default_name(index)
        place = Place(line=line or None, record=name, index=index, path=path)
        problems = list(islice(_check_shape(value, place, wanted), RECORD_PROBLEMS))
        if problems:
            sequence = value.get("sequence") if isinstance(value, Mapping) else None
            return self._bad(place, header, problems, sequence if isinstance(sequence, str) else "")
        flags: set[str] = set()
        sequence = self._clean_item(value["sequence"], flags)
        given = value.get("context_sequences")
        context = None if given is None else tuple(self._clean(text, flags) for text in given)
        problems = check_sequence(
            sequence,
            context,
            self._rules,
            path=path,
            line=line or None,
            record=name,
            index=index,
            shared_context=self._shared,
        )
        if problems:
            return self._bad(place, header, problems, sequence)
        record = Record(index, name, header, line, sequence, context)
        self._tally.cleaned(flags)
        self._tally.look_at(record)
        return record

    def _clean(self, text: str, flags: set[str]) -> str:
        if self._strict:
            return text
        cleaned, done = clean_sequence(text)
        flags |= done
        return cleaned

    def _as_sequence(self, value: Any) -> tuple[Any, Sequence[str]]:
        """A variant's code stands where sequences do, and names its item. And the fields that an item may have."""
        if self._rules.variants is None:
            return value, FIELDS
        if not isinstance(value, Mapping) or "variant" not in value:
            return value, VARIANT_FIELDS
        if "sequence" in value:
            return value, VARIANT_FIELDS[1:]
        code = value["variant"]
        named = {"name": code} if isinstance(code, str) and "name" not in value else {}
        rest = {field: given for field, given in value.items() if field != "variant"}
        return rest | named | {"sequence": code}, VARIANT_FIELDS

    def _clean_item(self, text: str, flags: set[str]) -> str:
        if self._strict:
            return text
        cleaned, done = clean_item(text, self._rules)
        flags |= done
        return cleaned

    def _bad(self, place: Place, header: str, problems: Sequence[Problem], sequence: str) -> BadRecord:
        kept = storable(sequence[: self._rules.max_residues])
        name = place.record or ""
        return BadRecord(place.index or 0, name, header, place.line or 0, tuple(problems), kept)


def _header_of(value: Any) -> str:
    """The name as given, or nothing where there is none worth the word; always safe to store."""
    name = value.get("name") if isinstance(value, Mapping) else None
    return storable(name[:MAX_HEADER]) if isinstance(name, str) and name.strip() else ""


def _check_shape(value: Any, place: Place, fields: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the fields and their types, before any letter is looked at."""
    if not isinstance(value, Mapping):
        remedy = 'Write each item as {"sequence": "MKT..."}.'
        yield place.problem("wrong_type", f"an item is an object, and this is {_kind(value)}", remedy)
        return
    for field in value:
        if field not in fields:
            what = f"there is no field '{storable(str(field))[:60]}' in an item"
            if field == "variant" and "context_sequences" not in fields:
                what = "an item has both a variant and a sequence"
            yield place.field(storable(str(field))[:60]).problem(
                "unknown_field", what, f"The fields are {', '.join(fields)}."
            )
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
    """What keeps `value` from being null or a list of text."""
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
    return place.problem("wrong_type", what, 'Put it in quotes: "MKT...".')


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "something else")
