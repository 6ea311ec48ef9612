"""The basket of a scan: the substitutions that a person has picked. It is kept in the session, and ends with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.http import QueryDict

from e1protocol import CANONICAL
from jobs.errors import InvalidInput, NotFound
from jobs.files.lines import BOM, csv_head
from jobs.files.pieces import in_blocks, text_cell
from jobs.library import selectors
from jobs.models import Item, Job
from jobs.parsing.numbers import decimal, whole
from jobs.results.items import result_of
from jobs.science.variants.choosing import Limits, Pick, combined_up_to
from jobs.science.variants.codes import Variant
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.ranges import positions_of_text
from jobs.science.variants.scans import RESIDUES, ScanTable

KEY = "baskets"
MOST_PICKS = 2_000
MOST_BASKETS = 30
"""Baskets of one session; the one that was changed longest ago goes first."""
MOST_VARIANTS = 5_000
"""Variants that a basket becomes, with combinations: the form for a new job takes as many."""
MOST_MUTATIONS = 4
HEADS = ("name", "variant", "mutations", "positions", "sequence", "score", "spread", "probability")
_PICK = re.compile(rf"([1-9][0-9]{{0,5}})([{CANONICAL}])")


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scan with the substitutions that are picked, in the order of picking."""

    job: Job
    item: Item
    table: ScanTable
    picks: tuple[Pick, ...]

    @property
    def numbering(self) -> Numbering:
        return numbering_of(self.job.params)


def scanned(session: SessionBase, job: Job, index: int) -> Scanned:
    """Return the scan of an item with its basket. Raises NotFound if it has no scan."""
    item = selectors.item_of(job, index)
    result = result_of(job, item) if item is not None else None
    if item is None or result is None or "positions" not in result or "scores" not in result:
        raise NotFound(f"job {job.pk} has no scan {index}")
    return Scanned(job, item, ScanTable.of(result, item.sequence), tuple(picks_of(session, job.pk, index)))


def picks_of(session: SessionBase, job_id: UUID, index: int) -> list[Pick]:
    """Return the picks of one scan."""
    return picks_in(session.get(KEY, {}).get(f"{job_id}:{index}", ()))


def picks_in(words: Iterable[str]) -> list[Pick]:
    """Return picks written as position and mutant, such as `24T`; anything else is left out."""
    return [(int(found[1]), found[2]) for word in words if (found := _PICK.fullmatch(word))]


def words_of(picks: Iterable[Pick]) -> list[str]:
    return [f"{position}{mutant}" for position, mutant in picks]


def basket_save(session: SessionBase, job_id: UUID, index: int, picks: Sequence[Pick]) -> None:
    """Keep the picks of one scan. Raises InvalidInput `basket_full`."""
    if len(picks) > MOST_PICKS:
        what = f"a basket holds at most {MOST_PICKS:,} variants"
        raise InvalidInput.one("basket_full", what, "Remove some, or submit these as a job first.", path="pick")
    baskets: dict[str, list[str]] = dict(session.get(KEY, {}))
    baskets.pop(f"{job_id}:{index}", None)
    if picks:
        baskets[f"{job_id}:{index}"] = words_of(picks)
    while len(baskets) > MOST_BASKETS:
        del baskets[next(iter(baskets))]
    session[KEY] = baskets


def latest_basket(session: SessionBase) -> tuple[UUID, int, int] | None:
    """Return job, item and size of the basket that was changed last."""
    for key, words in reversed(list(session.get(KEY, {}).items())):
        job_id, _, index = key.partition(":")
        return UUID(job_id), int(index), len(words)
    return None


def limits_of(form: Mapping[str, str], numbering: Numbering) -> Limits:
    """Return the limits in a form. Raises InvalidInput with the path of the wrong field."""

    def number(name: str, high: int) -> int | None:
        text = form.get(name, "").strip()
        found = whole(text, 1, high)
        if text and found is None:
            what = f"{text[:20]!r} is not a whole number from 1 to {high:,}"
            raise InvalidInput.one("bad_number", what, "Change it, or leave it empty.", path=name)
        return found

    letters = [letter for letter in form.get("without", "").upper() if letter.isalpha()]
    if strange := [letter for letter in letters if letter not in CANONICAL]:
        what = f"{strange[0]!r} is not one of the twenty residues"
        raise InvalidInput.one("bad_letter", what, "Give one-letter codes, such as C, P, M.", path="without")
    score = form.get("least", "").strip()
    least = decimal(score)
    if score and least is None:
        raise InvalidInput.one("bad_number", f"{score[:20]!r} is not a number", "Change it.", path="least")
    left_out = positions_of_text(form.get("leave_out", ""), numbering, path="leave_out")
    return Limits(
        count=number("count", MOST_PICKS) or 20,
        per_site=number("per_site", RESIDUES - 1),
        only=positions_of_text(form.get("only", ""), numbering, path="only"),
        leave_out=left_out or (),
        without=letters,
        least_score=least,
    )


def variants_of(basket: Scanned, most: int) -> list[Variant]:
    """Return the variants of a basket: single ones in the order of picking, or combinations of up to `most`.

    Raises InvalidInput `too_many_picked`.
    """
    sequence, picks = basket.item.sequence, basket.picks
    if most <= 1:
        return [combined_up_to(sequence, [pick], 1, 1)[0] for pick in picks]  # type: ignore[index]
    found = combined_up_to(sequence, picks, most, MOST_VARIANTS)
    if found is None:
        what = f"these picks make more than {MOST_VARIANTS:,} variants of up to {most} mutations"
        raise InvalidInput.one("too_many_picked", what, "Combine fewer mutations, or pick fewer.", path="most")
    return found


def most_of(query: QueryDict) -> int:
    """Return how many mutations a variant may combine."""
    return whole(query.get("most"), 1, MOST_MUTATIONS) or 1


def named(basket: Scanned, variant: Variant) -> str:
    """Return a name for a variant, from the item's name and its code."""
    code = variant.code(basket.numbering).replace(":", "_")
    return f"{basket.item.name}_{code}" if basket.item.name else code


def basket_fasta(basket: Scanned, variants: Iterable[Variant]) -> Iterator[str]:
    """Yield records of the full sequences."""
    for variant in variants:
        yield f">{named(basket, variant)}\n{variant.sequence(basket.item.sequence)}\n"


def basket_csv(basket: Scanned, variants: Sequence[Variant]) -> Iterator[bytes]:
    """Yield a table of the variants. The score of a combination is the sum of its substitutions' scores."""
    return in_blocks(iter([BOM, csv_head(HEADS), *_csv_lines(basket, variants)]))


def _csv_lines(basket: Scanned, variants: Sequence[Variant]) -> Iterator[bytes]:
    row_of = {position: row for row, position in enumerate(basket.table.positions)}
    shares = basket.table.probabilities
    for variant in variants:
        cells = [(row_of[one.position], CANONICAL.index(one.mutant)) for one in variant.mutations]
        single = cells[0] if len(cells) == 1 else None
        row: list[Any] = [
            text_cell(named(basket, variant)),
            variant.code(basket.numbering),
            len(variant.mutations),
            " ".join(str(one.position) for one in variant.mutations),
            variant.sequence(basket.item.sequence),
            f"{sum(float(basket.table.scores[cell]) for cell in cells):.6g}",
            f"{float(basket.table.spread[single]):.6g}" if single else "",
            f"{float(shares[single]):.6g}" if single else "",
        ]
        yield (",".join(map(str, row)) + "\n").encode()
