"""How long work takes on a worker: the one formula behind estimates, bundles, hang limits and forecasts.

A worker fits `Costs` at its start, and corrects them by what its bundles took. The formula is linear in a `Load`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_lowercase
from typing import Any

OWN_LAYERS = 3
"""Layers in which a token attends to its own sequence, for each one in which it attends to contexts too."""

START_SECONDS = 0.1
"""What a job costs beside its chunks, for each of its stages: messages, the last storage, and its closing."""
CHUNK_SECONDS = 0.004
"""What a chunk costs beside its passes, until bundles have shown it: claim, storage and the queue."""
FIRST_SPREAD = math.log(1.6)
"""How far a kind of work that was never measured may lie from the formula, as a standard deviation of logarithms."""
LEAST_SPREAD = math.log(1.12)
BELIEF_SECONDS = 0.3
"""Seconds of computing that count as much as the expectation before them."""
HORIZON_SECONDS = 60.0
"""Seconds of computing that a correction remembers, because other programs come and go on a machine."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be computed.

    - `tokens`: those that the network runs, with those of contexts that it encodes.
    - `attended`: pairs of a token and one that it attends to, in units of a layer that sees contexts.
    - `passes`: sequences that run through the network.
    - `chunks`: those that are leased and stored.
    """

    tokens: int = 0
    attended: int = 0
    passes: int = 0
    chunks: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(
            self.tokens + other.tokens,
            self.attended + other.attended,
            self.passes + other.passes,
            self.chunks + other.chunks,
        )

    def __sub__(self, other: Load) -> Load:
        return Load(
            self.tokens - other.tokens,
            self.attended - other.attended,
            self.passes - other.passes,
            self.chunks - other.chunks,
        )

    def times(self, count: float) -> Load:
        """Return `count` such loads."""
        return Load(*(round(count * one) for one in (self.tokens, self.attended, self.passes, self.chunks)))


def pass_load(tokens: int, context: int = 0, passes: int = 1) -> Load:
    """Return the load of `passes` of one sequence each, of `tokens` each, after a context of `context` tokens."""
    return Load(passes * tokens, passes * tokens * (OWN_LAYERS * tokens + context), passes)


USUAL = pass_load(254)
"""A pass of 250 residues."""


def context_load(tokens: int) -> Load:
    """Return the load of encoding a context. Each of its sequences attends to those before it."""
    return Load(tokens, tokens * tokens // 2)


TAKEN_CHUNKS = 6
"""Chunks that take as long as one whose units are all taken, until bundles have shown it.

A bundle holds about a second of computing. So bundles of taken chunks have few of them, and each is claimed and stored
by itself.
"""


def taken_load(chunks: int) -> Load:
    """Return the load of chunks whose units are all taken from earlier jobs."""
    return Load(chunks=TAKEN_CHUNKS * chunks)


def total(loads: Iterable[Load]) -> Load:
    """Return the sum of the loads."""
    return sum(loads, Load())


@dataclass(frozen=True, slots=True)
class Learned:
    """What bundles of one kind of work have shown: the logarithm of their time over the formula's, and its variance.

    `seconds` are those that it was learned from, HORIZON_SECONDS at most.
    """

    log_factor: float = 0.0
    variance: float = FIRST_SPREAD**2
    seconds: float = 0.0

    def after(self, error: float, seconds: float) -> Learned:
        """Return what is known after a bundle whose time was exp(`error`) times what was expected."""
        gain = seconds / (max(self.seconds, BELIEF_SECONDS) + seconds)
        variance = (1 - gain) * (self.variance + gain * error * error)
        return Learned(self.log_factor + gain * error, variance, min(HORIZON_SECONDS, self.seconds + seconds))


ANY = ""
"""The kind of all work that runs passes: what a kind begins with, and how a machine drifts."""


def family_of(kind: str) -> str:
    """Return what kinds of several actions have in common, such as " under contexts"; ANY if that is nothing."""
    return kind.lstrip(ascii_lowercase + "_")


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one worker for a token, an attended pair, a pass, a chunk and the stage of a job.

    `kinds` are corrections by kind of work, with those of families (`family_of`) and of all work.
    """

    token: float
    attended: float = 0.0
    one_pass: float = 0.0
    chunk: float = 0.0
    start: float = 0.0
    kinds: Mapping[str, Learned] = field(default_factory=dict)

    @property
    def usual_token(self) -> float:
        """Seconds of a token in a pass of usual length, as rates in tokens per second count them."""
        return self.plain(USUAL) / USUAL.tokens

    def plain(self, load: Load) -> float:
        """Return the formula's seconds, uncorrected."""
        return (
            load.tokens * self.token
            + load.attended * self.attended
            + load.passes * self.one_pass
            + load.chunks * self.chunk
        )

    def seconds(self, load: Load, kind: str = ANY) -> float:
        """Return the seconds that work of this kind takes."""
        return self.plain(load) * self.factor(kind)

    def factor(self, kind: str) -> float:
        """Return by how much work of this kind differs from the formula."""
        return math.exp(self.known(kind).log_factor)

    def known(self, kind: str) -> Learned:
        """Return what is known of a kind; of one that was never measured, what its family or all work has shown.

        A scan under contexts runs the same passes as a score, so the one is a better guess for the other than all work.
        """
        if kind in self.kinds:
            return self.kinds[kind]
        family = family_of(kind)
        # What is put together or taken runs no passes, so contexts matter little.
        wider = family[family.rindex(",") :] if "," in family else ANY
        shown = (self.kinds[one].log_factor for one in (family, wider, ANY) if one in self.kinds)
        return Learned(next(shown, 0.0))

    def learned(self, loads: Mapping[str, Load], seconds: float) -> Costs:
        """Return the costs after a bundle of these kinds has taken `seconds`."""
        expected = {kind: self.seconds(load, kind) for kind, load in loads.items()}
        whole = sum(expected.values())
        if whole <= 0 or seconds <= 0:
            return self
        error = math.log(seconds / whole)
        kinds = dict(self.kinds)
        families: dict[str, tuple[float, float]] = {}
        for kind, part in expected.items():
            kinds[kind] = self.known(kind).after(error, seconds * part / whole)
            if (family := family_of(kind)) != ANY:
                took, plain = families.get(family, (0.0, 0.0))
                families[family] = took + seconds * part / whole, plain + self.plain(loads[kind])
        # Items that are put together, and units that are taken, say nothing about passes.
        if total(loads.values()).passes:
            families[ANY] = seconds, sum(map(self.plain, loads.values()))
        for family, (took, plain) in families.items():
            if took > 0 and plain > 0:
                before = self.known(family)
                kinds[family] = before.after(math.log(took / plain) - before.log_factor, took)
        return replace(self, kinds=kinds)

    def remembering(self, before: Costs | None) -> Costs:
        """Return the costs with the corrections of an earlier start, which count as little experience.

        They are taken relative to all work, because the machine may be more or less busy now.
        """
        if before is None:
            return self
        drift = before.known(ANY).log_factor
        kinds = {
            kind: replace(one, log_factor=one.log_factor - drift, seconds=min(one.seconds, BELIEF_SECONDS))
            for kind, one in before.kinds.items()
        }
        return replace(self, kinds=kinds)

    def as_dict(self) -> dict[str, Any]:
        """Return the costs as JSON has them."""
        kinds = {kind: [one.log_factor, one.variance, one.seconds] for kind, one in self.kinds.items()}
        return {"costs": [self.token, self.attended, self.one_pass, self.chunk, self.start], "kinds": kinds}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Costs:
        """Return the costs that `as_dict` gave."""
        token, attended, one_pass, chunk, start = stored["costs"]
        kinds = {kind: Learned(*one) for kind, one in stored["kinds"].items()}
        return cls(token, attended, one_pass, chunk, start, kinds)


def in_tokens(workers: Sequence[Costs]) -> Costs:
    """Return costs in usual tokens instead of seconds, the means over the workers, for loads that queues compare.

    The speed of a worker cancels out, so a fast and a slow one agree.
    """
    if not workers:
        return Costs(1.0)
    count = len(workers)
    each = [
        [value / one.usual_token for value in (one.token, one.attended, one.one_pass, one.chunk)] for one in workers
    ]
    kinds = {kind for one in workers for kind in one.kinds if kind != ANY}
    means = {
        kind: Learned(sum(one.known(kind).log_factor - one.known(ANY).log_factor for one in workers) / count)
        for kind in kinds
    }
    token, attended, one_pass, chunk = (sum(values) / count for values in zip(*each, strict=True))
    return Costs(token, attended, one_pass, chunk, kinds=means)
