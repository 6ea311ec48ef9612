"""A library in numbers, for REST and its page: members, clones, library coverage, and scores by the prior."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from jobs.campaigns.libraries import Library
from jobs.campaigns.library_tables import order_rows, site_bodies
from jobs.campaigns.priors import Prior
from jobs.learning.codons import CONFIDENCE, clones_for_all
from jobs.learning.libraries import PLATES, frequencies, member_coverage, protein_coverage, scored


def library_body(library: Library, prior: Prior) -> dict[str, Any]:
    """Return the answer about a library. `digest` is the SHA-256 of its synthesis order."""
    rows = order_rows(library)
    return {
        **library_figures(library, prior),
        "sites": site_bodies(library),
        "mutations": mutations_of(library),
        "digest": hashlib.sha256(orjson.dumps(rows)).hexdigest(),
        "rows": rows,
    }


def library_figures(library: Library, prior: Prior) -> dict[str, Any]:
    """Return what the design comes to, without its tables."""
    members, coding = library.design.members, library.members.codings
    proteins = frequencies(library.members.sites)
    scores = scored(library.members.sites, prior.tables.prior)
    return {
        "n": members,
        "members": members,
        "proteins": library.members.count,
        "without_stop": coding / members,
        "redundancy": coding / library.members.count,
        "clones": {
            "confidence": CONFIDENCE,
            "one_member": library.design.clones,
            "all_members": clones_for_all(members),
        },
        "library_coverage": [
            {
                "wells": wells,
                "members": member_coverage(members, wells),
                "proteins": protein_coverage(members, proteins, wells),
            }
            for wells in PLATES
        ],
        "prior": {
            "name": prior.name,
            "source": prior.source,
            "mean": scores.mean,
            "best": scores.best,
            "best_variant": scores.variant.code(library.numbering),
        },
    }


def mutations_of(library: Library) -> list[str]:
    """Return the mutations whose combinations are the members, in the campaign's numbering."""
    return [
        f"{site.wild}{site.label}{residue}"
        for site, found in zip(library.sites, library.members.sites, strict=True)
        for residue in found.codons
        if residue != site.wild
    ]
