"""Searching a library for homologs of a parent, by iterations of HMMER: one is phmmer, several are jackhmmer.

Each iteration reads the library block by block, so memory grows with the number of hits, not with the library. The
hits are those of a search of the whole library, because E-values count all of its sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from typing import Any, cast

import numpy as np

from e1protocol.extras import install_command
from jobs.errors import Problem, Unavailable
from jobs.parsing.records import Place
from jobs.science.alignments.reading import GAP, Alignment
from jobs.science.alignments.sampling import wrong_settings

TOOLS = ("hmmer", "mmseqs2")
MAX_ITERATIONS = 10
MAX_HOMOLOGS = 50_000

Blocks = Callable[[], Iterator[tuple[float, bytes]]]
"""Opens the library: FASTA text in blocks, each with the share of the library read at its end."""
Report = Callable[[int, float], None]
"""Receives the iteration, from 1, and the share of the library read so far; an exception ends the search."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Settings of one search.

    `evalue` is the largest E-value of a homolog. `min_coverage` is the least share of the parent's residues that its
    row must have. `max_homologs` limits the number of sequences; the best are kept.
    """

    tool: str = "hmmer"
    iterations: int = 3
    evalue: float = 1e-3
    min_coverage: float = 0.5
    max_homologs: int = 10_000

    def problems(self) -> list[Problem]:
        """Return the problems of these settings, each with the path of its field."""
        checks = (
            ("tool", self.tool in TOOLS, f"Choose from {', '.join(TOOLS)}."),
            ("iterations", 1 <= self.iterations <= MAX_ITERATIONS, f"Give 1 to {MAX_ITERATIONS}; 1 is phmmer."),
            ("evalue", 0 < self.evalue <= 10, "Give a number above 0, up to 10."),
            ("min_coverage", 0 <= self.min_coverage <= 1, "Give a share from 0 to 1."),
            ("max_homologs", 1 <= self.max_homologs <= MAX_HOMOLOGS, f"Give 1 to {MAX_HOMOLOGS:,}."),
        )
        return wrong_settings(self, "bad_search", checks, "")


@dataclass(frozen=True, slots=True)
class Found:
    """Homologs aligned to the parent.

    `hits` counts the sequences at or below the E-value, before coverage is checked. `iterations` is the number that
    ran: a search that finds nothing new ends early.
    """

    alignment: Alignment
    hits: int
    iterations: int
    converged: bool


def require_hmmer() -> None:
    """Raise Unavailable `package_missing` if pyhmmer is not installed, without importing it."""
    if find_spec("pyhmmer") is None:
        what = f"searching homologs needs pyhmmer, which is not installed: {install_command()}"
        raise Unavailable(what, code="package_missing")


def search(parent: str, blocks: Blocks, count: int, settings: SearchSettings, report: Report) -> Found:
    """Search a library of `count` sequences for homologs of `parent`.

    The names of the sequences are their numbers, and their descriptions begin with the original names
    (`jobs.science.alignments.libraries`). Raises Unavailable `package_missing`, and what `blocks` and `report` raise.
    """
    require_hmmer()
    import pyhmmer as hmmer

    alphabet = hmmer.easel.Alphabet.amino()
    background = hmmer.plan7.Background(alphabet)
    builder = hmmer.plan7.Builder(alphabet, architecture="hand")
    query = hmmer.easel.TextSequence(name="parent", sequence=parent).digitize(alphabet)
    own = {"sequences": [query], "traces": [hmmer.plan7.Trace.from_sequence(query)]}
    ranking, msa, converged, number = hmmer.easel.KeyHash(), None, False, 0
    model, _, _ = builder.build(query, background)
    while True:
        number += 1
        hits = _hits(model, blocks, count, settings, partial(report, number))
        new, before = hits.compare_ranking(ranking), len(msa.sequences) if msa is not None else 1
        msa = hits.to_msa(alphabet, **own, all_consensus_cols=True, digitize=True)
        converged = new == 0 and len(msa.sequences) <= before
        if converged or number == settings.iterations:
            break
        msa.name = f"parent-{number}"
        model, _, _ = builder.build_msa(msa, background)
    names = {hit.name: ((hit.description or "").split() or [hit.name])[0] for hit in hits.included}
    text = msa.textize()
    rows = _aligned([_row_name(name, names) for name in text.names], text.alignment)
    return Found(kept(rows, settings), len(hits.included), number, converged)


def _hits(model: Any, blocks: Blocks, count: int, settings: SearchSettings, report: Callable[[float], None]) -> Any:
    """Return the hits of one pass over the library, merged from its blocks, best first."""
    import pyhmmer as hmmer

    found: list[Any] = []
    for share, text in blocks():
        pipeline = hmmer.plan7.Pipeline(model.alphabet, Z=count, incE=settings.evalue, incdomE=settings.evalue)
        with hmmer.easel.SequenceFile(BytesIO(text), format="fasta", digital=True, alphabet=model.alphabet) as file:
            hits = pipeline.search_hmm(model, cast(Any, file).read_block())
        if len(hits) or not found:
            found.append(hits)
        report(share)
    hits = found[0].merge(*found[1:])
    hits.sort(by="key")
    for hit in list(hits.included)[settings.max_homologs :]:
        hit.included = False
    return hits


def _row_name(name: str, names: Mapping[str, str]) -> str:
    """Replace the number in `NUMBER/FROM-TO` by the original name of the sequence."""
    number, slash, span = name.rpartition("/")
    return f"{names[number]}{slash}{span}" if number in names else name


def _aligned(names: Sequence[str], texts: Sequence[str]) -> Alignment:
    """Build an alignment to the first row from rows of capitals and dashes of equal length."""
    letters = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8).reshape(len(texts), -1)
    columns = np.ascontiguousarray(letters[:, letters[0] != GAP])
    return Alignment(tuple(names), columns, tuple(text.replace("-", "") for text in texts))


def kept(rows: Alignment, settings: SearchSettings) -> Alignment:
    """Return the rows that cover enough of the parent; the others become skipped ones."""
    covered = (rows.columns != GAP).mean(axis=1)
    good = (covered >= settings.min_coverage) & (covered > 0)
    good[0] = True
    skipped = [
        Place(record=rows.names[row]).problem(
            "low_coverage", f"the row covers {covered[row]:.0%} of the parent", "Lower min_coverage to keep such rows."
        )
        for row in np.flatnonzero(~good)
    ]
    return replace(rows, skipped=()).take(np.flatnonzero(good).tolist(), skipped)
