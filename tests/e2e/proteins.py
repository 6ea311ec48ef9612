"""Proteins with all that a person brings along: an alignment, measurements, and files of both."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path

from e1protocol import CANONICAL
from tests.factories import UBIQUITIN

SHARED = Path(__file__).parents[3] / "shared" / "data"
NEEDED = (SHARED / "BLAT_ECOLX.a3m", SHARED / "BLAT_ECOLX_Jacquier_2013.csv")


@dataclass(frozen=True)
class Protein:
    """A parent with files of its alignment (A3M) and of measurements, as columns `mutant` and `column`."""

    name: str
    parent: str
    alignment: Path
    measurements: Path
    column: str

    @property
    def measured(self) -> dict[str, float]:
        """The measured values by code."""
        with self.measurements.open() as file:
            return {row["mutant"]: float(row[self.column]) for row in csv.DictReader(file)}


def tem1() -> Protein:
    """Return TEM-1 beta-lactamase, 286 residues, with files of ProteinGym, which are not in this repository."""
    alignment, measurements = NEEDED
    return Protein("BLAT_ECOLX", alignment.read_text().splitlines()[1], alignment, measurements, "DMS_score")


def ubiquitin(folder: Path) -> Protein:
    """Return ubiquitin with a made family, from near to far, and made measurements of a third of its substitutions."""
    dice = random.Random(7)
    shares = [0.1 + 0.03 * n for n in range(24)]
    rows = ["".join(dice.choice(CANONICAL) if dice.random() < share else one for one in UBIQUITIN) for share in shares]
    alignment, measurements = folder / "ubiquitin.a3m", folder / "measured.csv"
    alignment.write_text(f">ubiquitin\n{UBIQUITIN}\n" + "".join(f">h{n}\n{row}\n" for n, row in enumerate(rows)))
    codes = [f"{wild}{at}{new}" for at, wild in enumerate(UBIQUITIN, 1) for new in CANONICAL if new != wild]
    lines = [f"{code},{dice.uniform(-3, 1):.3f}\n" for code in dice.sample(codes, len(codes) // 3)]
    measurements.write_text("mutant,fitness\n" + "".join(lines))
    return Protein("ubiquitin", UBIQUITIN, alignment, measurements, "fitness")
