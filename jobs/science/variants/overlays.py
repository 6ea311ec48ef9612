"""Comparing measured values with scores: matching the names of an assay to variants, and computing metrics."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.errors import InvalidInput, Problem
from jobs.parsing.left_out import phrase_of
from jobs.parsing.records import Place
from jobs.science.variants.codes import (
    Variant,
    is_full_sequence,
    plain_variant,
    variant_of_sequence,
    variant_or_sequence,
)
from jobs.science.variants.edits import Faults
from jobs.science.variants.metrics import ndcg, spearman, top_recall
from jobs.science.variants.notations import changes_of, is_notation
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.offsets import Named
from jobs.science.variants.rules import VariantRules
from jobs.science.variants.score_sets import left_out
from jobs.science.variants.suggestions import accidental_fit, wrong_numbering

LISTED = 20
"""Most names without a match that are listed; the others are only counted."""

ScoreOf = Callable[[Variant | str], float | None]
"""Returns the score of a variant, or of a full sequence whose length differs from the parent's, or None."""


@dataclass(frozen=True, slots=True)
class Point:
    """A variant with both numbers; `measured` is the mean if the assay names it more than once."""

    variant: str
    score: float
    measured: float


@dataclass(frozen=True, slots=True)
class Overlay:
    """The rows of an assay matched to scores.

    `rows` = `matched` + `unreadable` + `without_measurement` + `without_score` + `duplicates` + the sum of `left_out`,
    which counts rows of changes without a score by kind (`jobs.parsing.left_out`). `points` has one entry for each
    matched variant. A metric is None if it is undefined.
    """

    rows: int
    matched: int
    without_score: int
    without_measurement: int
    duplicates: int
    unreadable: int
    left_out: Mapping[str, int]
    points: tuple[Point, ...]
    warnings: tuple[Problem, ...]
    examples: tuple[Problem, ...]
    unscored: tuple[str, ...]
    spearman: float | None
    ndcg: float | None
    top_recall: float | None


def key_of(text: str, parent: str, numbering: Numbering) -> Variant | str:
    """Return the variant that a name means, or the full sequence if its length differs from the parent's.

    Raises InvalidInput as `read_variant` does.
    """
    if (plain := plain_variant(text, parent, numbering)) is not None:
        return plain
    faults = Faults(Place(record=text))
    if is_full_sequence(text):
        word = text.strip().upper()
        if len(word) != len(parent) and word.isalpha():
            return word
        read: Variant | str = variant_of_sequence(text, parent, faults)
    else:
        read = variant_or_sequence(text, parent, numbering, faults, Named())
    if faults.problems:
        raise faults.problems.refusal()
    return read


def overlay(
    names: Sequence[str],
    values: Sequence[float],
    parent: str,
    numbering: Numbering,
    score_of: ScoreOf,
    *,
    lengths: bool = False,
) -> Overlay:
    """Match every row. Metrics cover the variants that have both numbers, each once.

    With `lengths`, deletions and insertions have scores. Otherwise they are left out.
    """
    # Keyed by label, which is cheaper to look up than a variant.
    measured: dict[str, list[float]] = {}
    keys: dict[str, Variant | str] = {}
    unreadable: list[int] = []
    without: Counter[str] = Counter()
    missing = 0
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        key: Variant | str | None = plain_variant(name, parent, numbering)
        if key is None:
            if kind := left_out(name, numbering, lengths=lengths):
                without[kind] += 1
                continue
            try:
                key = key_of(name, parent, numbering)
            except InvalidInput:
                unreadable.append(index)
                continue
        if math.isnan(value):
            missing += 1
            continue
        label = key.code(numbering) if isinstance(key, Variant) else key
        keys[label] = key
        measured.setdefault(label, []).append(value)
    points: list[Point] = []
    unscored: list[str] = []
    unscored_rows = 0
    for label, given in measured.items():
        score = score_of(keys[label])
        if score is None:
            unscored_rows += len(given)
            unscored.append(label)
        else:
            points.append(Point(label, score, math.fsum(given) / len(given)))
    scores, truth = [point.score for point in points], [point.measured for point in points]
    return Overlay(
        rows=len(names),
        matched=len(points),
        without_score=unscored_rows,
        without_measurement=missing,
        duplicates=len(names) - len(unreadable) - missing - unscored_rows - len(points) - without.total(),
        unreadable=len(unreadable),
        left_out=dict(without),
        points=tuple(points),
        warnings=tuple(_warnings(names, parent, numbering)) if unreadable else (),
        examples=tuple(_examples(names, unreadable, parent, numbering)),
        unscored=tuple(unscored[:LISTED]),
        spearman=_defined(spearman(scores, truth)),
        ndcg=_defined(ndcg(scores, truth)),
        top_recall=_defined(top_recall(scores, truth)),
    )


def check_names(names: Sequence[str], parent: str, numbering: Numbering, *, lengths: bool = False) -> None:
    """Raise InvalidInput, with examples, if fewer than half of the names are variants of the parent.

    Rows without a score (`left_out`) don't count. The code is that of `wrong_numbering` if another one would correct
    nearly all of them, else `assay_mismatch`.
    """
    kinds = [left_out(name, numbering, lengths=lengths) for name in names]
    if names and all(kinds):
        what = f"no row has a variant that can be scored: there are {phrase_of(Counter(kinds))}"
        raise InvalidInput.one("assay_mismatch", what, "Choose another column.", path="variant_column")
    failed = [at for at, name in enumerate(names) if not kinds[at] and not _fits(name, parent, numbering)]
    names_left = [name for name, kind in zip(names, kinds, strict=True) if not kind]
    if 2 * len(failed) <= len(names_left):
        return
    first = wrong_numbering(Named(_pairs_named(names)), parent, numbering)
    if first is None:
        what = f"{len(failed):,} of {len(names_left):,} names are not variants of this job's parent"
        remedy = "Choose another column, or send the measurements of this parent."
        first = Problem("assay_mismatch", what, remedy, path="variant_column")
    problems = [first, *_examples(names, failed, parent, numbering)]
    raise InvalidInput(first.message, code=first.code, problems=problems, problem_count=len(failed) + 1)


def _warnings(names: Sequence[str], parent: str, numbering: Numbering) -> Iterator[Problem]:
    """Yield what a wrong numbering may have done to the names that match."""
    named = Named(_pairs_named(names))
    for found in (wrong_numbering(named, parent, numbering), accidental_fit(named, parent, numbering)):
        if found is not None:
            yield found


def _fits(name: str, parent: str, numbering: Numbering) -> bool:
    try:
        key = key_of(name, parent, numbering)
    except InvalidInput:
        return False
    # Letters alone may be a sequence, but a short one is more likely the name of a gene.
    return isinstance(key, Variant) or 2 * len(key) >= len(parent)


def _examples(names: Sequence[str], failed: Sequence[int], parent: str, numbering: Numbering) -> Iterator[Problem]:
    """Yield the problems of the first names that do not match, with messages that do not repeat their place."""
    rules = VariantRules(parent, numbering)
    for index in failed[:LISTED]:
        last = rules.problems(names[index], Place())[-1]
        yield Problem(last.code, last.message, last.remedy, record=names[index][:80], index=index)


def _pairs_named(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the (wild-type letter, number) pairs in the codes."""
    for name in names:
        for change in changes_of(name) if is_notation(name) else ():
            if change.first and not change.first.letter:
                yield change.first.wild, int(change.first.number)


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
