"""The price list of the service, and what an account costs by it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

CENT = Decimal("0.01")
SECONDS = Decimal(3600)
GIGABYTE_DAY = Decimal(10**9)


@dataclass(frozen=True, slots=True)
class Amount:
    """What was used: hours of GPUs, hours of single cores of CPUs, passes, residues, and bytes kept for a day."""

    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    passes: int = 0
    residues: int = 0
    stored_byte_days: float = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of an hour of a GPU, an hour of a core, and 10^9 bytes kept for a day."""

    gpu_hour: Decimal = Decimal(0)
    cpu_hour: Decimal = Decimal(0)
    gigabyte_day: Decimal = Decimal(0)
    currency: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str], currency: str = "") -> Prices | None:
        """Return the price list of a setting, None for an empty one. Raises ValueError for what it cannot read."""
        names = ("gpu_hour", "cpu_hour", "gigabyte_day")
        if unknown := set(given) - set(names):
            raise ValueError(f"has the unknown price {min(unknown)!r}; the prices are {', '.join(names)}")
        prices = {}
        for name, text in given.items():
            try:
                prices[name] = Decimal(text)
            except ArithmeticError:
                raise ValueError(f"has {text!r} for {name}, which is no number") from None
            if not prices[name].is_finite() or prices[name] < 0:
                raise ValueError(f"has {text!r} for {name}; a price is 0 or more")
        return cls(**prices, currency=currency) if given else None

    def cost(self, used: Amount) -> Decimal:
        """Return the cost, not rounded."""
        return (
            self.gpu_hour * Decimal(used.gpu_hours)
            + self.cpu_hour * Decimal(used.cpu_hours)
            + self.gigabyte_day * Decimal(used.stored_byte_days) / GIGABYTE_DAY
        )


def total(amounts: Iterable[Amount]) -> Amount:
    """Return the sum."""
    rows = list(amounts)
    return Amount(
        sum(one.gpu_hours for one in rows),
        sum(one.cpu_hours for one in rows),
        sum(one.passes for one in rows),
        sum(one.residues for one in rows),
        sum(one.stored_byte_days for one in rows),
    )
