"""The variants that a request asks for: a list, all single ones, or all combinations of mutations, one by one.

Combinations are not held: each is made from its number when it is needed, so that a million of them take no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

from jobs.campaigns.asked import wrong
from jobs.campaigns.selectors import numbering_of_campaign
from jobs.errors import InvalidInput, Problem, Problems, TooLarge
from jobs.models import Campaign
from jobs.parsing.bodies import only_fields
from jobs.science.variants.codes import Mutation, Variant, read_variant, single_variants
from jobs.science.variants.numbering import Numbering

ALL_SINGLES, COMBINATIONS, VARIANTS = "all_singles", "combinations", "variants"
KINDS = (VARIANTS, ALL_SINGLES, COMBINATIONS)
MOST = 20_000
"""Variants that are computed within a request, and those of a pool."""
MOST_MUTATIONS = 250_000
"""Mutations of these variants together. The time of a prediction grows with them."""
MOST_LISTED = 100_000
"""Variants of a list. As JSON they are a fifth of the values that a body may have."""
LARGEST = 1_000_000
"""Variants of a file of predictions."""
SEVERAL = "Ask in several requests."


class Source(Protocol):
    """Variants by number, from 0."""

    def __len__(self) -> int: ...
    def __getitem__(self, at: int, /) -> Variant: ...


@dataclass(frozen=True, slots=True)
class Combinations:
    """All combinations of mutations, at most one at each position, without the parent. The last position runs fastest.

    `sites` are the mutations of each position, in ascending order of the positions.
    """

    sites: tuple[tuple[Mutation, ...], ...]

    @classmethod
    def of(cls, mutations: Iterable[Mutation]) -> Combinations:
        found: dict[int, list[Mutation]] = {}
        for one in dict.fromkeys(mutations):
            found.setdefault(one.position, []).append(one)
        return cls(tuple(tuple(found[at]) for at in sorted(found)))

    def __len__(self) -> int:
        return self.count

    @property
    def count(self) -> int:
        """Their number, which may be too large for `len`."""
        return prod(len(one) + 1 for one in self.sites) - 1

    def __getitem__(self, at: int) -> Variant:
        if not 0 <= at < self.count:
            raise IndexError(at)
        rest, chosen = at + 1, []  # 0 is the parent
        for site in reversed(self.sites):
            rest, place = divmod(rest, len(site) + 1)
            if place:
                chosen.append(site[place - 1])
        return Variant(tuple(reversed(chosen)))


@dataclass(frozen=True, slots=True)
class Selection:
    """Variants, and the request for them with codes by position, as it is stored."""

    asked: Mapping[str, Any]
    source: Source

    def __len__(self) -> int:
        return len(self.source)

    @property
    def kind(self) -> str:
        return next(iter(self.asked))

    @property
    def at_once(self) -> bool:
        """Whether they are few enough to be computed within a request."""
        if len(self) > MOST:
            return False
        if isinstance(self.source, Combinations):
            return len(self) * len(self.source.sites) <= MOST_MUTATIONS
        return sum(len(one.mutations) for one in self.take(range(len(self)))) <= MOST_MUTATIONS

    def take(self, numbers: Iterable[int]) -> list[Variant]:
        """Return the variants with these numbers."""
        return [self.source[one] for one in numbers]


def selection_of(campaign: Campaign, data: Mapping[str, Any], more: Sequence[str] = ()) -> Selection:
    """Return the variants that a body asks for by exactly one of its fields; `more` are its other fields.

    Raises InvalidInput, TooLarge.
    """
    only_fields(data, (*KINDS, *more))
    given = [name for name in KINDS if data.get(name) not in (None, False)]
    if len(given) != 1:
        what = f"{len(given)} of variants, all_singles and combinations are given"
        raise InvalidInput.one("bad_choice", what, "Give exactly one of them.", path=given[0] if given else KINDS[0])
    if given == [ALL_SINGLES]:
        if data[ALL_SINGLES] is not True:
            raise wrong(ALL_SINGLES, data[ALL_SINGLES], "Give true, or leave it out.")
        return Selection({ALL_SINGLES: True}, single_variants(campaign.parent))
    if given == [COMBINATIONS]:
        found = _combinations(campaign, data[COMBINATIONS], COMBINATIONS, most=LARGEST)
        return Selection({COMBINATIONS: [Variant((one,)).code() for site in found.sites for one in site]}, found)
    listed = read_list(campaign, data[VARIANTS], VARIANTS, most=MOST_LISTED)
    return Selection({VARIANTS: [one.code() for one in listed]}, listed)


def selection_stored(asked: Mapping[str, Any], parent: str) -> Selection:
    """Return the variants of a stored request."""
    if ALL_SINGLES in asked:
        return Selection(asked, single_variants(parent))
    if COMBINATIONS in asked:
        codes = (read_variant(one, parent) for one in asked[COMBINATIONS])
        return Selection(asked, Combinations.of(one for variant in codes for one in variant.mutations))
    return Selection(asked, [read_variant(one, parent) for one in asked[VARIANTS]])


def read_list(campaign: Campaign, raw: object, path: str, *, most: int = MOST) -> list[Variant]:
    """Return variants in the campaign's numbering. Raises TooLarge, and InvalidInput with each that cannot be read."""
    if not isinstance(raw, list) or not raw:
        raise wrong(path, raw, 'Give a list such as ["A24T", "A24T:G56D"].')
    _check_count(len(raw), path, most)
    numbering, problems, found = numbering_of_campaign(campaign), Problems(), []
    for at, one in enumerate(raw):
        try:
            found.append(_read(one, f"{path}.{at}", campaign.parent, numbering))
        except InvalidInput as error:
            for problem in error.problems:
                problems.add(
                    Problem(problem.code, problem.message, problem.remedy, path=f"{path}.{at}", record=str(one)[:60])
                )
    if problems:
        raise problems.refusal()
    return found


def _read(one: object, path: str, parent: str, numbering: Numbering) -> Variant:
    if not isinstance(one, str) or not one.strip():
        raise wrong(path, one, "Give a code such as A24T.", code="bad_variant")
    return read_variant(one, parent, numbering=numbering)


def combinations_of(campaign: Campaign, raw: object, path: str) -> list[Variant]:
    """Return all combinations of single mutations, at most one at each position, without the parent itself."""
    found = _combinations(campaign, raw, path, most=MOST)
    return [found[at] for at in range(len(found))]


def _combinations(campaign: Campaign, raw: object, path: str, *, most: int) -> Combinations:
    found = Combinations.of(one for variant in read_list(campaign, raw, path) for one in variant.mutations)
    _check_count(found.count, path, most)
    if not found.sites:
        raise wrong(path, raw, "Give at least one mutation.", code="bad_variant")
    return found


def _check_count(count: int, path: str, most: int) -> None:
    if count > most:
        number = f"{count:,}" if count < 10**15 else "more than 10^15"
        what = f"these are {number} variants, and a request takes {most:,}"
        raise TooLarge.of(Problem("too_many_variants", what, SEVERAL, path=path))
