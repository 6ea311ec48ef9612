"""Degenerate-codon libraries of a campaign, from a request: sites, codons and a budget. Nothing is stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from e1protocol import CANONICAL
from jobs.campaigns.asked import choice, text, whole_number, wrong
from jobs.campaigns.selectors import numbering_of_campaign
from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.learning.codons import (
    CONFIDENCE,
    SCHEMES,
    Design,
    Scheme,
    clones_for_one,
    minimal_scheme,
)
from jobs.learning.dna import DEFAULT_HOST, coding_sequence, usage
from jobs.learning.libraries import Members, Randomised, best_residues
from jobs.learning.oligos import oligo_count
from jobs.learning.samples import Floats
from jobs.models import Campaign
from jobs.parsing.bodies import only_fields
from jobs.science.variants.numbering import Numbering

FIELDS = ("sites", "scheme", "wanted", "best", "budget", "budget_of", "host")
MINIMAL = "minimal"
SCHEME_NAMES = (*SCHEMES, MINIMAL)
CLONES, MEMBERS = "clones", "members"
BUDGETS = (CLONES, MEMBERS)
MOST_SITES = 8
MOST_BEST = len(CANONICAL) - 1
MOST_OLIGOS = 2_000
"""Sequences that a library is mixed from. 22c at six sites has 729."""
MOST_BUDGET = 10**15
_NAMED = re.compile(r"([A-Za-z])(-?[0-9]{1,9}[A-Za-z]?)")
"""A site with the parent's residue before its number, such as E104."""


@dataclass(frozen=True, slots=True)
class Site:
    """A randomised residue: its label in the campaign's numbering, its position from 1, and its scheme.

    `wanted` are the residues that were asked for, "" if the scheme decides.
    """

    label: str
    position: int
    wild: str
    scheme: Scheme
    wanted: str
    minimal: bool

    @property
    def choices(self) -> Iterator[Site]:
        """This site, then the same one with each other scheme that codes for its wanted residues."""
        yield self
        for one in SCHEMES.values():
            if one.name != self.scheme.name and not set(self.wanted) - set(one.residues):
                yield replace(self, scheme=one, minimal=False)

    @property
    def choice(self) -> str:
        """The name by which the scheme is asked for."""
        return MINIMAL if self.minimal else self.scheme.name


@dataclass(frozen=True)
class Library:
    """A design of a campaign. `cds` is "" if neither a coding sequence nor a host is known."""

    sites: tuple[Site, ...]
    cds: str
    host: str
    numbering: Numbering
    budget: int | None = None
    budget_of: str = CLONES

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        return tuple(one.scheme for one in self.sites)

    @property
    def design(self) -> Design:
        return Design(self.schemes)

    @cached_property
    def members(self) -> Members:
        """Its proteins without a stop."""
        return Members(tuple(Randomised.of(one.position, one.wild, one.scheme) for one in self.sites))

    @property
    def needed(self) -> int:
        """What the budget must allow."""
        return self.design.members if self.budget_of == MEMBERS else self.design.clones

    @cached_property
    def largest(self) -> tuple[Site, ...]:
        """The sites of the largest design that fits the budget; none if no design fits.

        A site is left out, keeps its scheme, or has another one that codes for its wanted residues. Of designs of one
        size, the first has more of the first sites and of their own schemes.
        """
        designs: dict[int, tuple[Site, ...]] = {1: ()}
        for site in self.sites:
            found: dict[int, tuple[Site, ...]] = {}
            for size, chosen in designs.items():
                for one in site.choices:
                    members = size * one.scheme.size
                    if self._cost(members) <= (self.budget or 0):
                        found.setdefault(members, (*chosen, one))
                found.setdefault(size, chosen)
            designs = found
        return designs[max(designs)]

    @property
    def _cost(self) -> Callable[[int], int]:
        return int if self.budget_of == MEMBERS else clones_for_one

    def check_budget(self) -> None:
        """Raise InvalidInput `budget_too_small` with the largest design that fits."""
        if self.budget is None or self.needed <= self.budget:
            return
        if self.budget_of == MEMBERS:
            what = f"the library has {self.needed:,} members, and the budget is {self.budget:,}"
        else:
            clones = f"{self.needed:,} clones are needed for {100 * CONFIDENCE:.0f} % of one member"
            what = f"{clones}, and the budget is {self.budget:,}"
        sites = self.largest
        if not sites:
            smallest = min((one.scheme for site in self.sites for one in site.choices), key=lambda one: one.size)
            least = self._cost(smallest.size)
            remedy = f"No design fits. The smallest, one site with {smallest.name}, needs {least:,} {self.budget_of}."
        else:
            found = Design(tuple(one.scheme for one in sites))
            names = ", ".join(one.scheme.name for one in sites)
            count = f"{len(sites)} site{'s' if len(sites) > 1 else ''}"
            remedy = (
                f"The largest design that fits has {count} with {names}: {found.members:,} members, "
                f"{found.clones:,} clones."
            )
        raise InvalidInput.one("budget_too_small", what, remedy, path="budget")


def library_of(campaign: Campaign, data: Mapping[str, Any], prior: Floats) -> Library:
    """Return the library that a body asks for. `prior` [L, 20] says which residues are best.

    Raises InvalidInput `bad_sites`, `bad_wanted`, `residues_not_coded`, and `budget_too_small` with the largest design
    that fits; TooLarge `too_many_oligos`.
    """
    found = library_asked(campaign, data, prior)
    check_size(found)
    return found


def check_size(library: Library) -> None:
    """Raise InvalidInput `budget_too_small`, and TooLarge `too_many_oligos`."""
    library.check_budget()
    if (count := oligo_count(library.schemes)) > MOST_OLIGOS:
        what = f"the library is mixed from {count:,} sequences, and the limit is {MOST_OLIGOS:,}"
        remedy = "Randomise fewer sites, or take NNK or NDT, which are one codon each."
        raise TooLarge.of(Problem("too_many_oligos", what, remedy, path="scheme"))


def library_asked(campaign: Campaign, data: Mapping[str, Any], prior: Floats) -> Library:
    """Return the library that a body asks for, also if it is beyond its budget. Raises InvalidInput."""
    only_fields(data, FIELDS)
    places = places_of(campaign, data.get("sites"))
    labels = [label for label, _ in places]
    host, cds = _dna(campaign, data)
    names, wanted = _schemes(data.get("scheme"), labels), _wanted(data.get("wanted"), labels)
    best = data.get("best") if data.get("best") is None else whole_number(data, "best", None, low=1, high=MOST_BEST)
    sites = []
    for label, position in places:
        wild = campaign.parent[position - 1]
        residues = wanted.get(label, "")
        if best is not None and not residues and names[label] == MINIMAL:
            residues = best_residues(prior, position, wild, best)
        scheme = _scheme(names[label], label, residues, usage(host))
        sites.append(Site(label, position, wild, scheme, residues, names[label] == MINIMAL))
    unit = choice(data, "budget_of", BUDGETS, CLONES)
    budget = None
    if data.get("budget") is not None:
        budget = whole_number(data, "budget", None, low=1, high=MOST_BUDGET)
    return Library(tuple(sites), cds, host, numbering_of_campaign(campaign), budget, unit)


def _dna(campaign: Campaign, data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the host and the coding sequence. A host in the body comes before that of the campaign."""
    asked = text(data, "host", most=40)
    usage(asked or DEFAULT_HOST)  # refuses unknown hosts
    host = asked or campaign.host
    return host or DEFAULT_HOST, campaign.cds or (coding_sequence(campaign.parent, host) if host else "")


def places_of(campaign: Campaign, raw: object) -> list[tuple[str, int]]:
    """Return label and position of each site, by position. Raises InvalidInput `bad_sites`."""
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_SITES:
        what = f"{len(raw)} sites are given" if isinstance(raw, list) else f"sites is {str(raw)[:60]!r}"
        raise InvalidInput.one("bad_sites", what, f"Give 1 to {MOST_SITES} residues, such as 104.", path="sites")
    numbering, found = numbering_of_campaign(campaign), dict[int, str]()
    for at, one in enumerate(raw):
        written = str(one) if isinstance(one, str) or type(one) is int else ""
        position = _position(campaign, numbering, written, f"sites.{at}") if len(written) < 20 else None
        if position is None or not 1 <= position <= len(campaign.parent):
            what = f"the parent has no residue {str(one)[:60]!r}"
            raise InvalidInput.one("bad_sites", what, "Give residues in the campaign's numbering.", path=f"sites.{at}")
        if position in found or position in campaign.excluded:
            why = "is there twice" if position in found else "is in an excluded region"
            what = f"the residue {numbering.label(position)} {why}"
            raise InvalidInput.one("bad_sites", what, "Leave it out.", path=f"sites.{at}")
        found[position] = str(numbering.label(position))
    return [(found[position], position) for position in sorted(found)]


def _position(campaign: Campaign, numbering: Numbering, written: str, path: str) -> int | None:
    """Return the position of a label, or of one with the parent's residue before it, which is checked."""
    position = numbering.position_of(written)
    named = _NAMED.fullmatch(written) if position is None else None
    if named is None:
        return position
    position, residue = numbering.position_of(named[2]), named[1].upper()
    if position is not None and 1 <= position <= len(campaign.parent) and campaign.parent[position - 1] != residue:
        what = f"the parent has {campaign.parent[position - 1]} and not {residue} at {named[2]}"
        raise InvalidInput.one("bad_sites", what, "Look at the numbering of the campaign.", path=path)
    return position


def _schemes(raw: object, labels: Sequence[str]) -> dict[str, str]:
    """Return the name of the scheme of each site: one for all, or an object by site."""
    if not isinstance(raw, dict):
        return dict.fromkeys(labels, choice({"scheme": raw}, "scheme", SCHEME_NAMES, "NNK"))
    for label in raw:
        if label not in labels:
            raise wrong(
                f"scheme.{str(label)[:20]}", raw[label], f"Give sites of {', '.join(labels)}.", code="bad_choice"
            )
        choice({f"scheme.{label}": raw[label]}, f"scheme.{label}", SCHEME_NAMES, "NNK")
    return {label: raw.get(label) or "NNK" for label in labels}


def _wanted(raw: object, labels: Sequence[str]) -> dict[str, str]:
    """Return the wanted residues of each site: one text for all, or an object by site."""
    if raw is None:
        return {}
    given = dict.fromkeys(labels, raw) if isinstance(raw, str) else raw
    remedy = 'Give residues, such as "AVLI" for all sites, or {"104": "AVLI"} by site.'
    if not isinstance(given, dict):
        raise wrong("wanted", raw, remedy, code="bad_wanted")
    for label, residues in given.items():
        path = f"wanted.{str(label)[:20]}"
        if label not in labels or not isinstance(residues, str) or not residues:
            raise wrong(path, residues, remedy, code="bad_wanted")
        if strange := sorted(set(residues) - set(CANONICAL)):
            what = f"{strange[0]!r} is wanted at {label}, which is not one of the twenty residues"
            raise InvalidInput.one("bad_wanted", what, "Give one-letter codes, such as AVLI.", path=path)
    return {label: "".join(sorted(set(residues))) for label, residues in given.items()}


def _scheme(name: str, label: str, wanted: str, used: Mapping[str, float]) -> Scheme:
    if name == MINIMAL:
        if not wanted:
            what = f"the site {label} has no wanted residues"
            raise InvalidInput.one("bad_wanted", what, "Say which residues you want, or choose NNK.", path="wanted")
        return minimal_scheme(wanted, used)
    scheme = SCHEMES[name]
    if missing := set(wanted) - set(scheme.residues):
        what = f"{name} does not code for {', '.join(sorted(missing))}, which you want at {label}"
        raise InvalidInput.one("residues_not_coded", what, "Choose minimal, or NNK.", path="scheme")
    return scheme
