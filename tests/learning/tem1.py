"""The TEM-1 scan of ProteinGym with the profile of its alignment. The data are not in this repository."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from jobs.learning.samples import Floats, Rows, mutations_of
from jobs.learning.sites import by_profile
from jobs.science.alignments.profile import profile_of
from jobs.science.alignments.reading import read_alignment
from jobs.science.alignments.sampling import neighbour_counts
from jobs.science.variants.codes import read_variant
from tests.learning.quick import QuickProcess

DATA = Path(__file__).parents[3] / "shared" / "data"

needs_tem1 = pytest.mark.skipif(
    not (DATA / "BLAT_ECOLX.a3m").is_file(),
    reason="needs ../shared/data: BLAT_ECOLX.a3m and BLAT_ECOLX_Jacquier_2013.csv of ProteinGym",
)


@cache
def quick_tem1() -> QuickProcess:
    """Return a fast copy of the Gaussian process for variants of this scan."""
    return QuickProcess(tem1()[0])


@cache
def tem1() -> tuple[Rows, Floats]:
    """Return the 989 variants with the profile as prior, and the measurements."""
    alignment = read_alignment((DATA / "BLAT_ECOLX.a3m").read_bytes(), skip_empty=True)
    profile = profile_of(alignment, neighbour_counts(alignment))
    with (DATA / "BLAT_ECOLX_Jacquier_2013.csv").open() as file:
        table = list(csv.DictReader(file))
    variants = tuple(read_variant(row["mutant"], alignment.parent) for row in table)
    prior = np.array([profile.score(one) for one in variants])
    rows = Rows(variants, prior, by_profile(mutations_of(variants), profile))
    return rows, np.array([float(row["DMS_score"]) for row in table])
