"""What a combinatorial library holds: its proteins with their codons, what clones cover of them, and prior scores.

Each DNA member is equally frequent. A protein is as frequent as the combinations of codons that code for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import expm1, log1p, prod

from e1protocol import CANONICAL
from jobs.learning.codons import STOP, Scheme
from jobs.learning.samples import Floats
from jobs.science.variants.codes import Mutation, Variant

PLATES = (96, 384)
"""Wells of the plates whose library coverage is shown. Each well has one clone."""


@dataclass(frozen=True, slots=True)
class Randomised:
    """A site: its position from 1, the parent's residue, and the number of codons of each residue, stops left out."""

    position: int
    wild: str
    codons: Mapping[str, int]

    @classmethod
    def of(cls, position: int, wild: str, scheme: Scheme) -> Randomised:
        coded = scheme.residues
        return cls(position, wild, {one: coded[one] for one in sorted(coded) if one != STOP})


@dataclass(frozen=True, slots=True)
class Member:
    """A protein of a library. `codons` are the DNA members that code for it."""

    variant: Variant
    codons: int


@dataclass(frozen=True, slots=True)
class Members:
    """The proteins of a library by number from 0, made when they are needed. The last site runs fastest."""

    sites: tuple[Randomised, ...]

    @property
    def count(self) -> int:
        """Their number, which may be too large for `len`."""
        return prod(len(one.codons) for one in self.sites)

    def __getitem__(self, at: int) -> Member:
        if not 0 <= at < self.count:
            raise IndexError(at)
        chosen, codons = [], 1
        for site in reversed(self.sites):
            at, place = divmod(at, len(site.codons))
            residue = tuple(site.codons)[place]
            codons *= site.codons[residue]
            if residue != site.wild:
                chosen.append(Mutation(site.position, site.wild, residue))
        return Member(Variant(tuple(reversed(chosen))), codons)

    def __iter__(self) -> Iterator[Member]:
        return (self[at] for at in range(self.count))

    @property
    def codings(self) -> int:
        """DNA members without a stop."""
        return prod(sum(one.codons.values()) for one in self.sites)

    @property
    def has_parent(self) -> bool:
        """Whether the parent is a member: each site codes for its residue."""
        return all(one.wild in one.codons for one in self.sites)


def frequencies(sites: Iterable[Randomised]) -> Counter[int]:
    """Return how many proteins have how many DNA members."""
    found: Counter[int] = Counter({1: 1})
    for site in sites:
        sizes = Counter(site.codons.values())
        grown: Counter[int] = Counter()
        for codons, proteins in found.items():
            for size, count in sizes.items():
                grown[codons * size] += proteins * count
        found = grown
    return found


def member_coverage(members: int, clones: int, codons: int = 1) -> float:
    """Return the chance that `clones` hold one of `codons` members among `members` equally frequent ones.

    With one codon it is also the expected share of the members that the clones hold.
    """
    return 1.0 if codons >= members else -expm1(clones * log1p(-codons / members))


def protein_coverage(members: int, proteins: Mapping[int, int], clones: int) -> float:
    """Return the expected share of the proteins that `clones` hold; see `frequencies`."""
    seen = sum(count * member_coverage(members, clones, codons) for codons, count in proteins.items())
    return seen / sum(proteins.values())


@dataclass(frozen=True, slots=True)
class Scored:
    """Prior scores of a library: their mean over clones without a stop, the best one, and its variant."""

    mean: float
    best: float
    variant: Variant


def scored(sites: Sequence[Randomised], prior: Floats) -> Scored:
    """Return the scores of a library by an additive prior [L, 20]. The parent's score is 0."""
    mean, best, chosen = 0.0, 0.0, []
    for site in sites:
        scores = scores_at(prior, site.position, site.wild)
        every = sum(site.codons.values())
        mean += sum(scores[residue] * codons for residue, codons in site.codons.items()) / every
        top = max(site.codons, key=lambda residue, scores=scores: scores[residue])  # type: ignore[misc]
        best += scores[top]
        if top != site.wild:
            chosen.append(Mutation(site.position, site.wild, top))
    return Scored(mean, best, Variant(tuple(sorted(chosen))))


def scores_at(prior: Floats, position: int, wild: str) -> dict[str, float]:
    """Return the score of each residue at a position; the parent's is 0."""
    row = prior[position - 1]
    return {one: 0.0 if one == wild else float(row[at]) for at, one in enumerate(CANONICAL)}


def best_residues(prior: Floats, position: int, wild: str, count: int) -> str:
    """Return the parent's residue and the `count` best others by the prior; the first by alphabet among equal ones."""
    scores = scores_at(prior, position, wild)
    others = sorted((one for one in CANONICAL if one != wild), key=lambda one: (-scores[one], one))
    return "".join(sorted([*others[:count], *([wild] if wild in CANONICAL else [])]))


def best_positions(prior: Floats, parent: str, left_out: Iterable[int], count: int) -> list[tuple[int, str, float]]:
    """Return position, best mutant and its score for the positions whose best substitution scores highest."""
    out, found = set(left_out), []
    for position, wild in enumerate(parent, start=1):
        if position in out or wild not in CANONICAL:
            continue
        scores = scores_at(prior, position, wild)
        top = max((one for one in CANONICAL if one != wild), key=lambda one, scores=scores: scores[one])  # type: ignore[misc]
        found.append((position, top, scores[top]))
    return sorted(found, key=lambda one: (-one[2], one[0]))[:count]
