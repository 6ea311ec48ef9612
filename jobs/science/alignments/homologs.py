"""Homologs of a parent in a library of sequences, by HMMER's iterations (phmmer is the first, jackhmmer all of them).

The library is read block by block, as often as there are iterations: memory grows with what is found, not with the
library. What is found is what HMMER finds in the whole, because E-values count the whole library's sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from itertools import compress
from typing import Any, cast

import numpy as np

from jobs.errors import Problem, Unavailable
from jobs.parsing.records import Place
from jobs.science.alignments.reading import GAP, Alignment

TOOLS = ("hmmer", "mmseqs2")
MAX_ITERATIONS = 10
MAX_HOMOLOGS = 50_000

Blocks = Callable[[], Iterator[tuple[float, bytes]]]
"""Opens the library: FASTA text in blocks, each with the share of the library that it ends at."""
Report = Callable[[int, float], None]
"""Told the iteration, from 1, and the share of the library that it has read; what it raises ends the search."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """`evalue` is the largest at which a homolog is taken, `min_coverage` the least share of the parent's residues that
    its row must have, `max_homologs` how many sequences are taken, the best first.
    """

    tool: str = "hmmer"
    iterations: int = 3
    evalue: float = 1e-3
    min_coverage: float = 0.5
    max_homologs: int = 10_000

    def problems(self) -> list[Problem]:
        """What is wrong with these settings, each with the path of its field."""
        checks = (
            ("tool", self.tool in TOOLS, f"Choose from {', '.join(TOOLS)}."),
            ("iterations", 1 <= self.iterations <= MAX_ITERATIONS, f"Give 1 to {MAX_ITERATIONS}; 1 is phmmer."),
            ("evalue", 0 < self.evalue <= 10, "Give a number above 0, up to 10."),
            ("min_coverage", 0 <= self.min_coverage <= 1, "Give a share from 0 to 1."),
            ("max_homologs", 1 <= self.max_homologs <= MAX_HOMOLOGS, f"Give 1 to {MAX_HOMOLOGS:,}."),
        )
        return [
            Problem("bad_search", f"{name} is {getattr(self, name)!r}", remedy, path=name)
            for name, good, remedy in checks
            if not good
        ]


@dataclass(frozen=True, slots=True)
class Found:
    """Homologs aligned to the parent. `hits` counts sequences at or below the E-value, before coverage and limit;
    `iterations` were done, fewer than asked for where the last one found nothing new.
    """

    alignment: Alignment
    hits: int
    iterations: int
    converged: bool


def require_hmmer() -> None:
    """Raises Unavailable `package_missing` where pyhmmer is not installed. It is not loaded by this."""
    if find_spec("pyhmmer") is None:
        what = "searching homologs needs pyhmmer, which is not installed: pip install '.[science]' in a checkout"
        raise Unavailable(what, code="package_missing")


def search(parent: str, blocks: Blocks, count: int, settings: SearchSettings, report: Report) -> Found:
    """Homologs of `parent` in a library of `count` sequences, whose names are their numbers and whose descriptions
    begin with the names they came with. Raises Unavailable `package_missing`, and what `blocks` and `report` raise.
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
    names = {hit.name: _first_word(hit.description, hit.name) for hit in hits.included}
    text = msa.textize()
    rows = _aligned([_row_name(name, names) for name in text.names], text.alignment)
    return Found(kept(rows, settings), len(hits.included), number, converged)


def _hits(model: Any, blocks: Blocks, count: int, settings: SearchSettings, report: Callable[[float], None]) -> Any:
    """The hits of one pass over the library, the best first, put together from those of its blocks."""
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


def _first_word(description: str | None, otherwise: str) -> str:
    words = (description or "").split(maxsplit=1)
    return words[0] if words else otherwise


def _row_name(name: str, names: Mapping[str, str]) -> str:
    """`NUMBER/FROM-TO` with the name that the sequence came with."""
    number, slash, span = name.rpartition("/")
    return f"{names[number]}{slash}{span}" if number in names else name


def _aligned(names: Sequence[str], texts: Sequence[str]) -> Alignment:
    """Rows of capitals and dashes, equally long, as an alignment of the first one's residues."""
    letters = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8).reshape(len(texts), -1)
    columns = np.ascontiguousarray(letters[:, letters[0] != GAP])
    return Alignment(tuple(names), columns, tuple(text.replace("-", "") for text in texts))


def kept(rows: Alignment, settings: SearchSettings) -> Alignment:
    """The rows that cover enough of the parent, with the others among the skipped ones."""
    covered = (rows.columns != GAP).mean(axis=1)
    good = (covered >= settings.min_coverage) & (covered > 0)
    good[0] = True
    skipped = [
        Place(record=rows.names[row]).problem(
            "low_coverage", f"the row covers {covered[row]:.0%} of the parent", "Lower min_coverage to keep such rows."
        )
        for row in np.flatnonzero(~good)
    ]
    return Alignment(
        tuple(compress(rows.names, good)), rows.columns[good], tuple(compress(rows.sequences, good)), tuple(skipped)
    )
