"""Tables of a library: its sites, its synthesis order and its members, as CSV, XLSX and FASTA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jobs.campaigns.libraries import Library
from jobs.campaigns.selections import LARGEST
from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.files.lines import csv_head
from jobs.files.names import file_name
from jobs.files.pieces import in_blocks, text_cell
from jobs.files.tables import ItemRows
from jobs.files.xlsx import Sheet, facts_sheet, workbook_blocks
from jobs.learning.codons import STOP, clones_for_all_residues
from jobs.learning.dna import usage
from jobs.learning.libraries import Member
from jobs.learning.oligos import oligos_of, rare_codons
from jobs.learning.priors import Tables
from jobs.models import Campaign
from jobs.web.rest.bodies import WORKBOOK

RARE = 0.1
"""A codon is rare if the host uses it for less than this share of its residue."""
ORDER, SITES, MEMBERS = "order", "sites", "members"
MOST_IN_SHEET = 100_000
"""Members of a workbook, which is made while a request waits."""
TABLES = {ORDER: ("csv", "xlsx"), SITES: ("csv", "xlsx"), MEMBERS: ("csv", "xlsx", "fasta")}
"""The formats of each table. A workbook of the order or the sites has both, each as a sheet."""
KINDS = {"csv": "text/csv", "xlsx": WORKBOOK, "fasta": "text/x-fasta"}

ABOUT = ("members", "proteins", "clones", "digest")
"""What a workbook says about its library."""
ORDER_TEXTS, ORDER_NUMBERS, ORDER_LAST = ("oligo", "sites", "sequential", "codons"), ("members", "share"), ("dna",)
SITE_TEXTS = ("site", "sequential", "residue", "codon", "scheme", "degenerate", "residues")
SITE_NUMBERS, SITE_LAST = ("codons", "stops", "clones_for_all_residues"), ("rare",)
MEMBER_TEXTS, MEMBER_NUMBERS, MEMBER_LAST = (
    ("variant", "numbered_from_1"),
    ("mutations", "codons", "share", "prior"),
    ("sequence",),
)

Row = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Texts, numbers and last texts of a row."""


def site_bodies(library: Library) -> list[dict[str, Any]]:
    """Return each site with its codons, and the residues that they code for."""
    found = []
    for site in library.sites:
        coded = site.scheme.residues
        found.append(
            {
                "site": site.label,
                "sequential": site.position,
                "residue": site.wild,
                "base": 3 * site.position - 2,
                "codon": library.cds[3 * site.position - 3 : 3 * site.position] or None,
                "scheme": site.scheme.name,
                "wanted": site.wanted or None,
                "degenerate": list(site.scheme.codons),
                "codons": site.scheme.size,
                "residues": {one: coded[one] for one in sorted(coded) if one != STOP},
                "stops": coded[STOP],
                "clones_for_all_residues": clones_for_all_residues(site.scheme),
                "rare": rare_codons(site.scheme, usage(library.host), RARE),
            }
        )
    return found


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


def check_table(table: str, format: str) -> None:
    """Raise InvalidInput `bad_format` for a table or a format that does not exist."""
    if table not in TABLES:
        raise InvalidInput.one("bad_format", f"table is {table[:40]!r}", f"Choose {', '.join(TABLES)}.", path="table")
    if format not in TABLES[table]:
        remedy = f"Choose {', '.join(TABLES[table])}."
        raise InvalidInput.one("bad_format", f"format is {format[:40]!r}", remedy, path="format")


def table_blocks(
    campaign: Campaign, library: Library, table: str, format: str, *, prior: Tables, facts: dict[str, Any]
) -> Iterator[bytes]:
    """Return the blocks of a table. Members are made while they are sent. Raises InvalidInput, TooLarge."""
    check_table(table, format)
    if table == MEMBERS:
        _check_count(library, MOST_IN_SHEET if format == "xlsx" else LARGEST)
    if format == "fasta":
        return in_blocks(_records(campaign, library))
    if format == "csv":
        return in_blocks(_lines(_heads(table), _rows(campaign, library, table, prior)))
    titles = {ORDER: "synthesis", SITES: "sites", MEMBERS: "members"}
    kept = (MEMBERS,) if table == MEMBERS else (ORDER, SITES)
    sheets = [(titles[one], Sheet(_heads(one)).all(map(_item, _rows(campaign, library, one, prior)))) for one in kept]
    about = {"campaign": campaign.name, **{name: facts[name] for name in ABOUT if name in facts}}
    return workbook_blocks([*sheets, ("about", facts_sheet(about))])


def library_name(campaign: Campaign, table: str, format: str) -> str:
    """Return the name of the file of a table."""
    return file_name(campaign.name, "campaign", "library", "" if table == ORDER else table, suffix=format)


def _check_count(library: Library, most: int) -> None:
    count = library.members.count
    if count > most:
        number = f"{count:,}" if count < 10**15 else "more than 10^15"
        what = f"the library has {number} proteins, and this list has at most {most:,}"
        remedy = (
            "Take fewer sites or residues." if most == LARGEST else "Take CSV or FASTA, or fewer sites or residues."
        )
        raise TooLarge.of(Problem("too_many_variants", what, remedy, path="table"))


def _heads(table: str) -> tuple[str, ...]:
    match table:
        case "sites":
            return (*SITE_TEXTS, *SITE_NUMBERS, *SITE_LAST)
        case "members":
            return (*MEMBER_TEXTS, *MEMBER_NUMBERS, *MEMBER_LAST)
    return (*ORDER_TEXTS, *ORDER_NUMBERS, *ORDER_LAST)


def _rows(campaign: Campaign, library: Library, table: str, prior: Tables) -> Iterator[Row]:
    match table:
        case "sites":
            return _site_rows(library)
        case "members":
            return _member_rows(campaign, library, prior)
    return _order_rows(library)


def _order_rows(library: Library) -> Iterator[Row]:
    for row in order_rows(library):
        texts = (
            str(row["oligo"]),
            " ".join(row["sites"]),
            " ".join(map(str, row["sequential"])),
            " ".join(row["codons"]),
        )
        yield texts, (str(row["members"]), repr(row["share"])), (row["dna"] or "",)


def _site_rows(library: Library) -> Iterator[Row]:
    for one in site_bodies(library):
        texts = (
            one["site"],
            str(one["sequential"]),
            one["residue"],
            one["codon"] or "",
            one["scheme"],
            " ".join(one["degenerate"]),
            "".join(one["residues"]),
        )
        yield texts, tuple(str(one[name]) for name in SITE_NUMBERS), (" ".join(one["rare"]),)


def _member_rows(campaign: Campaign, library: Library, prior: Tables) -> Iterator[Row]:
    """Yield the proteins. The share is that among clones without a stop; the parent is `WT`."""
    every = library.members.codings
    for one in library.members:
        variant = one.variant
        numbers = (
            str(len(variant.mutations)),
            str(one.codons),
            f"{one.codons / every:.6g}",
            f"{prior.score(variant):.6g}",
        )
        yield (variant.code(library.numbering), variant.code()), numbers, (variant.sequence(campaign.parent),)


def _records(campaign: Campaign, library: Library) -> Iterator[bytes]:
    for one in library.members:
        yield f">{_name(library, one)}\n{one.variant.sequence(campaign.parent)}\n".encode()


def _name(library: Library, member: Member) -> str:
    return member.variant.code(library.numbering).replace(":", "_")


def _lines(heads: tuple[str, ...], rows: Iterator[Row]) -> Iterator[bytes]:
    yield csv_head(heads)
    for texts, numbers, last in rows:
        yield ",".join([*map(text_cell, texts), *numbers, *map(text_cell, last)]).encode() + b"\n"


def _item(row: Row) -> ItemRows:
    texts, numbers, last = row
    return ItemRows(texts, [((), ",".join(numbers).encode())], last)
