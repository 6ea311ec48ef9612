"""The contents of a plate: controls, new variants, re-tests, bridging variants and random picks, and their wells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.errors import InvalidInput
from jobs.learning.normalising import BLANK, DEAD, VARIANT, WILD_TYPE
from jobs.learning.wells import SIZES, spread

CODES = {WILD_TYPE: "WT", DEAD: "dead", BLANK: "blank"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many wells of each kind a plate has. The rest, `new`, is for variants that the strategy chooses.

    `replicates` is the number of plates with the same contents, each with its own map.
    """

    wells: int = 96
    wild_type: int = 4
    dead: int = 0
    blanks: int = 2
    replicates: int = 1
    retests: int = 0
    bridging: int = 0
    random: int = 0

    @property
    def new(self) -> int:
        """Wells for chosen variants."""
        kept = self.wild_type + self.dead + self.blanks + self.retests + self.bridging + self.random
        return self.wells - kept

    def check(self) -> None:
        """Raise InvalidInput `bad_plate` for a plan that cannot be."""
        for name in ("wild_type", "dead", "blanks", "retests", "bridging", "random"):
            if getattr(self, name) < 0:
                raise _refused(f"{name} is {getattr(self, name)}", "Give a number from 0.", name)
        if self.wells not in SIZES:
            raise _refused(f"a plate of {self.wells} wells", f"Choose {' or '.join(map(str, SIZES))}.", "wells")
        if not 1 <= self.replicates <= 12:
            raise _refused(f"{self.replicates} replicate plates", "Choose 1 to 12.", "replicates")
        if self.new < 0:
            what = f"the controls and other wells are {self.wells - self.new}, and the plate has {self.wells}"
            raise _refused(what, "Ask for fewer, or take a larger plate.", "wells")


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into a well: a role, and the variant's code, or the control's name."""

    role: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A content in a well of a plate, which counts from 1."""

    plate: int
    well: str
    content: Content


def placed(plan: Plan, variants: Sequence[Content], *, dead: str, seed: int) -> list[Placed]:
    """Return every well of every plate, by plate and well. Maps of replicate plates differ.

    `variants` are chosen ones, re-tests, bridging and random ones together. `dead` is the code of the dead control.
    Raises InvalidInput `bad_plate` if they are more than their wells.
    """
    plan.check()
    controls = [
        *(Content(WILD_TYPE, CODES[WILD_TYPE], "wild type") for _ in range(plan.wild_type)),
        *(Content(DEAD, dead, "dead control") for _ in range(plan.dead)),
        *(Content(BLANK, CODES[BLANK], "blank") for _ in range(plan.blanks)),
    ]
    if len(variants) + len(controls) > plan.wells:
        what = f"{len(variants)} variants and {len(controls)} controls do not fit into {plan.wells} wells"
        raise _refused(what, "Ask for fewer variants.", "wells")
    keys = {f"{at:04}": content for at, content in enumerate(variants)}
    own = {content.role: content for content in controls}
    found: list[Placed] = []
    for plate in range(1, plan.replicates + 1):
        wells = spread(plan.wells, [one.role for one in controls], _shuffled(keys, seed, plate), seed=seed + plate)
        found += [Placed(plate, well, keys.get(key) or own[key]) for well, key in wells.items()]
    return found


def _shuffled(keys: Iterable[str], seed: int, plate: int) -> list[str]:
    """Return the keys in an order of the plate's own, so that a well's position and its rank are not confounded."""
    return sorted(keys, key=lambda key: hashlib.sha256(f"{seed} {plate} {key}".encode()).digest())


def variant_content(code: str, reason: str) -> Content:
    """Return the content of a variant's well."""
    return Content(VARIANT, code, reason)


def _refused(what: str, remedy: str, field: str) -> InvalidInput:
    return InvalidInput.one("bad_plate", what, remedy, path=f"plate.{field}")
