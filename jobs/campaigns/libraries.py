"""Degenerate-codon libraries of a campaign: members, clones, and the DNA to order. Nothing is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from e1protocol import CANONICAL
from jobs.campaigns.asked import choice, whole_number, wrong
from jobs.campaigns.selectors import numbering_of_campaign
from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.files.lines import csv_head
from jobs.files.pieces import text_cell
from jobs.files.tables import ItemRows
from jobs.files.xlsx import Sheet, facts_sheet, workbook_blocks
from jobs.learning.codons import (
    CONFIDENCE,
    SCHEMES,
    STOP,
    Design,
    Scheme,
    clones_for_all,
    clones_for_all_residues,
    largest_design,
    minimal_scheme,
)
from jobs.learning.dna import DEFAULT_HOST, coding_sequence, usage
from jobs.learning.oligos import oligo_count, oligos_of, rare_codons
from jobs.models import Campaign
from jobs.parsing.bodies import only_fields

FIELDS = ("sites", "scheme", "wanted", "budget")
MINIMAL = "minimal"
SCHEME_NAMES = (*SCHEMES, MINIMAL)
MOST_SITES = 8
MOST_OLIGOS = 2_000
"""Sequences that a library is mixed from. 22c at six sites has 729."""
MOST_BUDGET = 10**15
RARE = 0.1
"""A codon is rare if the host uses it for less than this share of its residue."""
TEXTS = ("oligo", "sites", "sequential", "codons")
NUMBERS = ("members", "share")
LAST = ("dna",)


@dataclass(frozen=True, slots=True)
class Site:
    """A randomised residue: its label in the campaign's numbering, its position from 1, and its scheme."""

    label: str
    position: int
    wild: str
    scheme: Scheme


@dataclass(frozen=True, slots=True)
class Library:
    """A design of a campaign. `cds` is "" if neither a coding sequence nor a host is known."""

    sites: tuple[Site, ...]
    cds: str
    host: str

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        return tuple(one.scheme for one in self.sites)

    @property
    def design(self) -> Design:
        return Design(self.schemes)


def library_of(campaign: Campaign, data: Mapping[str, Any]) -> Library:
    """Return the library that a body asks for.

    Raises InvalidInput `bad_sites`, `bad_wanted`, `residues_not_coded`, and `budget_too_small` with the largest design
    that fits; TooLarge `too_many_oligos`.
    """
    only_fields(data, FIELDS)
    places = _places(campaign, data.get("sites"))
    name = choice(data, "scheme", SCHEME_NAMES, "NNK")
    wanted = _wanted(data.get("wanted"), [label for label, _ in places])
    sites = tuple(
        Site(label, position, campaign.parent[position - 1], _scheme(name, label, wanted.get(label)))
        for label, position in places
    )
    host = campaign.host or DEFAULT_HOST
    cds = campaign.cds or (coding_sequence(campaign.parent, host) if campaign.host else "")
    found = Library(sites, cds, host)
    if data.get("budget") is not None:
        _check_budget(found, whole_number(data, "budget", None, low=1, high=MOST_BUDGET))
    if (count := oligo_count(found.schemes)) > MOST_OLIGOS:
        what = f"the library is mixed from {count:,} sequences, and the limit is {MOST_OLIGOS:,}"
        remedy = "Randomise fewer sites, or take NNK or NDT, which are one codon each."
        raise TooLarge.of(Problem("too_many_oligos", what, remedy, path="scheme"))
    return found


def _places(campaign: Campaign, raw: object) -> list[tuple[str, int]]:
    """Return label and position of each site, by position."""
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_SITES:
        raise wrong("sites", raw, f"Give 1 to {MOST_SITES} residues, such as [104, 182].", code="bad_sites")
    numbering, found = numbering_of_campaign(campaign), dict[int, str]()
    for at, one in enumerate(raw):
        text = str(one) if isinstance(one, str) or type(one) is int else ""
        position = numbering.position_of(text) if len(text) < 20 else None
        if position is None or not 1 <= position <= len(campaign.parent):
            raise wrong(f"sites.{at}", one, "Give residues in the campaign's numbering.", code="bad_sites")
        if position in found or position in campaign.excluded:
            why = "is there twice" if position in found else "is in an excluded region"
            what = f"the residue {numbering.label(position)} {why}"
            raise InvalidInput.one("bad_sites", what, "Leave it out.", path=f"sites.{at}")
        found[position] = str(numbering.label(position))
    return [(found[position], position) for position in sorted(found)]


def _wanted(raw: object, labels: Sequence[str]) -> dict[str, str]:
    """Return the wanted residues of each site: one text for all, or an object by site."""
    if raw is None:
        return {}
    given = dict.fromkeys(labels, raw) if isinstance(raw, str) else raw
    remedy = 'Give residues, such as "AVLI" for all sites, or {"104": "AVLI"} by site.'
    if not isinstance(given, dict):
        raise wrong("wanted", raw, remedy, code="bad_wanted")
    for label, residues in given.items():
        good = isinstance(residues, str) and residues and not set(residues) - set(CANONICAL)
        if label not in labels or not good:
            raise wrong(f"wanted.{str(label)[:20]}", residues, remedy, code="bad_wanted")
    return {label: "".join(sorted(set(residues))) for label, residues in given.items()}


def _scheme(name: str, label: str, wanted: str | None) -> Scheme:
    if name == MINIMAL:
        if wanted is None:
            what = f"the site {label} has no wanted residues"
            raise InvalidInput.one("bad_wanted", what, "Say which residues you want, or choose NNK.", path="wanted")
        return minimal_scheme(wanted)
    scheme = SCHEMES[name]
    if missing := set(wanted or "") - set(scheme.residues):
        what = f"{name} does not code for {', '.join(sorted(missing))}, which you want at {label}"
        raise InvalidInput.one("residues_not_coded", what, "Choose minimal, or NNK.", path="scheme")
    return scheme


def _check_budget(library: Library, budget: int) -> None:
    """Raise InvalidInput `budget_too_small` with the largest design that fits."""
    needed = library.design.clones
    if needed <= budget:
        return
    what = f"{needed:,} clones are needed for {CONFIDENCE:.0%} of one member, and the budget is {budget:,}"
    schemes = tuple({one.name: one for one in (*SCHEMES.values(), *library.schemes)}.values())
    largest = largest_design(len(library.sites), budget, schemes)
    if largest is None:
        smallest = min(schemes, key=lambda one: one.size)
        least = Design((smallest,)).clones
        remedy = f"No design fits. The smallest, one site with {smallest.name}, needs {least:,} clones."
    else:
        names = ", ".join(one.name for one in largest.schemes)
        sites = f"{len(largest.schemes)} site{'s' if len(largest.schemes) > 1 else ''}"
        remedy = (
            f"The largest design that fits has {sites} with {names}: {largest.members:,} members, "
            f"{largest.clones:,} clones."
        )
    raise InvalidInput.one("budget_too_small", what, remedy, path="budget")


def library_body(library: Library) -> dict[str, Any]:
    """Return the answer about a library. `digest` is the SHA-256 of its synthesis order."""
    design = library.design
    residues = [{one for one in site.scheme.residues if one != STOP} for site in library.sites]
    proteins, whole = 1, 1.0
    for site, found in zip(library.sites, residues, strict=True):
        proteins *= len(found)
        whole *= 1 - site.scheme.residues[STOP] / site.scheme.size
    rows = order_rows(library)
    return {
        "n": design.members,
        "members": design.members,
        "proteins": proteins,
        "without_stop": whole,
        "clones": {
            "confidence": CONFIDENCE,
            "one_member": design.clones,
            "all_members": clones_for_all(design.members),
        },
        "sites": [_site(library, one) for one in library.sites],
        "mutations": [
            f"{site.wild}{site.label}{residue}"
            for site, found in zip(library.sites, residues, strict=True)
            for residue in sorted(found - {site.wild})
        ],
        "digest": hashlib.sha256(orjson.dumps(rows)).hexdigest(),
        "rows": rows,
    }


def _site(library: Library, site: Site) -> dict[str, Any]:
    codon = library.cds[3 * site.position - 3 : 3 * site.position] or None
    coded = site.scheme.residues
    return {
        "site": site.label,
        "sequential": site.position,
        "residue": site.wild,
        "base": 3 * site.position - 2,
        "codon": codon,
        "scheme": site.scheme.name,
        "degenerate": list(site.scheme.codons),
        "codons": site.scheme.size,
        "residues": {one: coded[one] for one in sorted(coded) if one != STOP},
        "stops": coded[STOP],
        "clones_for_all_residues": clones_for_all_residues(site.scheme),
        "rare": rare_codons(site.scheme, usage(library.host), RARE),
    }


def order_rows(library: Library) -> list[dict[str, Any]]:
    """Return the synthesis order: a row for each sequence of the mixture. DNA is null without a coding sequence."""
    positions = [one.position for one in library.sites]
    olds = [library.cds[3 * at - 3 : 3 * at] for at in positions]
    rows = []
    for at, oligo in enumerate(oligos_of(library.schemes), start=1):
        changes = zip(library.sites, olds, oligo.codons, strict=True)
        rows.append(
            {
                "oligo": at,
                "sites": [one.label for one in library.sites],
                "sequential": positions,
                "codons": [f"{one.position}:{old}>{new}" for one, old, new in changes],
                "members": oligo.members,
                "share": oligo.share,
                "dna": oligo.dna(library.cds, positions) if library.cds else None,
            }
        )
    return rows


def library_csv(library: Library) -> Iterator[bytes]:
    """Yield the synthesis order as CSV."""
    yield csv_head((*TEXTS, *NUMBERS, *LAST))
    for row in _cells(library):
        texts = [text_cell(row[name]) for name in TEXTS]
        yield ",".join([*texts, *(row[name] for name in NUMBERS), *(row[name] for name in LAST)]).encode() + b"\n"


def library_workbook(campaign: Campaign, library: Library) -> Iterator[bytes]:
    """Yield the same table as XLSX, with a sheet about the library."""
    items = (
        ItemRows(
            tuple(row[name] for name in TEXTS),
            [((), ",".join(row[name] for name in NUMBERS).encode())],
            tuple(row[name] for name in LAST),
        )
        for row in _cells(library)
    )
    body = library_body(library)
    facts = {"campaign": campaign.name, **{name: body[name] for name in ("members", "proteins", "clones", "digest")}}
    heads = (*TEXTS, *NUMBERS, *LAST)
    return workbook_blocks([("synthesis", Sheet(heads).all(items)), ("about", facts_sheet(facts))])


def _cells(library: Library) -> Iterator[dict[str, str]]:
    for row in order_rows(library):
        yield {
            "oligo": str(row["oligo"]),
            "sites": " ".join(row["sites"]),
            "sequential": " ".join(map(str, row["sequential"])),
            "codons": " ".join(row["codons"]),
            "members": str(row["members"]),
            "share": repr(row["share"]),
            "dna": row["dna"] or "",
        }
