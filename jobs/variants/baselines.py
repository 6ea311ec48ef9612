"""The baselines of a parent: the profile of an alignment that the user may see, and BLOSUM62 (docs/profile.md)."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from e1protocol import NEIGHBOUR_THRESHOLD
from jobs.errors import InvalidInput
from jobs.library.alignments import alignment_load, neighbours_stored
from jobs.library.sharing import open_to
from jobs.models import Alignment
from jobs.science.alignments.baselines import Baseline, blosum_baseline, profile_baseline
from jobs.science.alignments.profile import Profile, profile_of
from jobs.web.turns import READING

MOST_CELLS = 60_000_000
"""Rows times columns of the largest alignment that a page reads. `jobs.alignments.pages_summary` draws as many."""
QUICK_CELLS = 4_000_000
"""Rows times columns that are read without a turn. A protein of 300 residues has 13,000 rows of them."""
LISTED = 20
"""Alignments of a parent that a page offers."""
NONE = "none"
"""The choice of no alignment."""

NO_ALIGNMENT = "no_alignment"
NOT_CHOSEN = "not_chosen"
NOT_COUNTED = "not_counted"
TOO_LARGE = "alignment_too_large"
REASONS = {
    NO_ALIGNMENT: "You have no alignment of this parent, so there is no profile. Upload one, or search for homologs.",
    NOT_CHOSEN: "No alignment is chosen, so there is no profile.",
    NOT_COUNTED: "There is no profile yet: the neighbours in the alignment are being counted.",
    TOO_LARGE: f"There is no profile of more than {MOST_CELLS:,} letters. Filter the alignment, and upload it again.",
}
"""Why there is no profile, in words."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """BLOSUM62 and, if `reason` is empty, the profile of `alignment`. `choices` are all alignments to choose from."""

    parent: str
    blosum62: Baseline
    profile: Baseline | None
    alignment: Alignment | None
    neff: float | None
    reason: str
    choices: tuple[Alignment, ...]

    @property
    def depth(self) -> float | None:
        """Neff/L: effective sequences for each residue of the parent."""
        return None if self.neff is None else self.neff / len(self.parent)

    @property
    def reason_text(self) -> str:
        return REASONS.get(self.reason, "")

    def about(self) -> dict[str, Any]:
        """Return what a file says about the profile."""
        chosen = self.alignment
        return {
            "profile_alignment": None if chosen is None else str(chosen.pk),
            "profile_alignment_digest": None if chosen is None else chosen.digest,
            "profile_neff": self.neff,
            "profile_missing": self.reason or None,
        }


def baselines_of(user: User, parent: str, asked: str = "", *, strict: bool = False) -> Baselines:
    """Return the baselines of a parent.

    `asked` is the id of an alignment or "none". By default, the deepest alignment of this parent is taken. If `strict`,
    an alignment that the user may not see, or one of another parent, raises InvalidInput `unknown_alignment`.
    """
    rows = open_to(Alignment.objects.filter(parent=parent), user).order_by("-depth", "-created_at", "-id")
    choices = tuple(rows.defer("histogram", "skipped", "notes")[:LISTED])
    chosen = _chosen(rows, choices, asked, strict=strict)
    blosum = blosum_baseline(parent)
    if chosen is None:
        reason = NOT_CHOSEN if choices else NO_ALIGNMENT
        return Baselines(parent, blosum, None, None, None, reason, choices)
    if chosen.depth * chosen.columns > MOST_CELLS:
        return Baselines(parent, blosum, None, chosen, None, TOO_LARGE, choices)
    # A page of a small alignment need not wait for the large files of others.
    large = chosen.depth * chosen.columns > QUICK_CELLS
    with READING.turn(user.pk) if large else nullcontext():
        profile = profile_if_counted(chosen)
    if profile is None:
        return Baselines(parent, blosum, None, chosen, None, NOT_COUNTED, choices)
    return Baselines(parent, blosum, profile_baseline(profile), chosen, profile.neff, "", choices)


def profile_if_counted(alignment: Alignment) -> Profile | None:
    """Return the profile of an alignment, None if its neighbours are not counted. It is remembered."""
    try:
        return _profile(alignment.pk, alignment.digest)
    except _NotCounted:
        return None


def profile_named(alignment_id: UUID, digest: str) -> Baseline:
    """Return the profile of an alignment whose neighbours are counted, as that of `Baselines` is."""
    return profile_baseline(_profile(alignment_id, digest))


def _chosen(rows: Any, choices: tuple[Alignment, ...], asked: str, *, strict: bool) -> Alignment | None:
    if asked == NONE or not (asked or choices):
        return None
    if not asked:
        return choices[0]
    try:
        found: Alignment | None = rows.filter(pk=UUID(asked[:100])).first()
    except ValueError:
        found = None
    if found is None and strict:
        what = f"you have no alignment {asked[:60]!r} of this parent"
        remedy = "GET /api/alignments/ lists yours. Or write none."
        raise InvalidInput.one("unknown_alignment", what, remedy, path="alignment")
    return found if found is not None else next(iter(choices), None)


class _NotCounted(Exception):
    """The neighbours of the rows are not counted. An exception, because the cache must not keep it."""


@lru_cache(maxsize=16)
def _profile(alignment_id: UUID, digest: str) -> Profile:
    """Return the profile of a stored alignment. One of 1,000 residues takes 160 kB. Raises _NotCounted."""
    stored = Alignment.objects.filter(pk=alignment_id).first()
    neighbours = None if stored is None else neighbours_stored(stored, NEIGHBOUR_THRESHOLD)
    if stored is None or neighbours is None:
        raise _NotCounted
    profile = profile_of(alignment_load(stored), neighbours)
    profile.log_probabilities.flags.writeable = False
    return profile
