"""The proteins of Debian's `mmseqs2-examples`, clustered, aligned and split by cluster.

`prepare` runs the `mmseqs` command (package `mmseqs2`) once and keeps its tables in a folder.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

EXAMPLES = Path("/usr/share/doc/mmseqs2/example-data")
FILES = ("DB.fasta.gz", "QUERY.fasta.gz")
IDENTITY = 0.25
HELD_OUT_SHARE = 0.05
SPLIT_SEED = 20

Ints = NDArray[np.int64]


class DataError(Exception):
    """The proteins or the `mmseqs` command are missing. The message names the package to install."""


@dataclass(frozen=True, slots=True)
class Proteins:
    """Proteins without exact duplicates, in the order of the files.

    `cluster` [N] is the cluster number of each. `held_out` [N] marks the clusters kept for evaluation. `usable` [N]
    marks the training proteins: not held out, and without any hit (E < 1e-3) to a held-out protein.

    `hits` [M, 6] int32 holds local alignments sorted by query, without hits to itself. The columns are query, target,
    query start and end, target start and end (0-based, ends exclusive). `first_hit` [N + 1]: first row of a query.
    """

    names: list[str]
    sequences: list[str]
    cluster: Ints
    held_out: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    hits: NDArray[np.int32]
    identities: NDArray[np.float32]
    first_hit: Ints

    def hits_of(self, query: int) -> slice:
        """Return the rows of `hits` of this query."""
        return slice(int(self.first_hit[query]), int(self.first_hit[query + 1]))


def prepare(folder: Path, threads: int = 2) -> Proteins:
    """Read, cluster, align and split. mmseqs runs only if its tables are not in `folder` yet.

    Raises DataError if the example files or the command are missing.
    """
    names, sequences = read_proteins()
    clusters, alignments = folder / "clusters.tsv", folder / "alignments.tsv"
    if not (clusters.is_file() and alignments.is_file()):
        _run_mmseqs(folder, sequences, threads)
    pairs = np.loadtxt(clusters, dtype=np.int64, ndmin=2)
    cluster = np.zeros(len(names), dtype=np.int64)
    cluster[pairs[:, 1]] = np.unique(pairs[:, 0], return_inverse=True)[1]
    return _split(names, sequences, cluster, np.loadtxt(alignments, dtype=np.float64, ndmin=2))


def read_proteins() -> tuple[list[str], list[str]]:
    """Return the names (accessions) and sequences of both example files, each distinct sequence once."""
    found: dict[str, str] = {}
    for name in FILES:
        path = EXAMPLES / name
        if not path.is_file():
            raise DataError(f"{path} does not exist; install the Debian package mmseqs2-examples")
        with gzip.open(path, "rt", encoding="ascii") as file:
            for record in file.read().split("\n>"):
                header, _, body = record.lstrip(">").partition("\n")
                found.setdefault(body.replace("\n", ""), header.split()[0].split("|")[1])
    found.pop("", None)
    return list(found.values()), list(found)


def _run_mmseqs(folder: Path, sequences: list[str], threads: int) -> None:
    """Write `clusters.tsv` and `alignments.tsv`, in which proteins are named by number."""
    if shutil.which("mmseqs") is None:
        raise DataError("the command `mmseqs` is not on PATH; install the Debian package mmseqs2")
    work = folder / "mmseqs"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    fasta = work / "proteins.fasta"
    fasta.write_text("".join(f">{n}\n{s}\n" for n, s in enumerate(sequences)), encoding="ascii")
    columns = "query,target,fident,qstart,qend,tstart,tend"
    common = ["--threads", str(threads)]
    for arguments in (
        ["createdb", "proteins.fasta", "db"],
        ["cluster", "db", "clusters", "tmp-cluster", "--min-seq-id", str(IDENTITY), *common],
        ["createtsv", "db", "db", "clusters", "clusters.tsv"],
        ["search", "db", "db", "hits", "tmp-search", "-s", "5.7", "--max-seqs", "300", "-e", "1e-3", *common],
        ["convertalis", "db", "db", "hits", "alignments.tsv", "--format-output", columns, *common],
    ):
        print("mmseqs", *arguments, flush=True)
        subprocess.run(["mmseqs", *arguments, "-v", "1"], cwd=work, check=True)
    for table in ("clusters.tsv", "alignments.tsv"):
        (work / table).replace(folder / table)
    shutil.rmtree(work)


def _split(names: list[str], sequences: list[str], cluster: Ints, table: NDArray[np.float64]) -> Proteins:
    """Hold out a share of the clusters, and exclude similar proteins from training."""
    count = int(cluster.max()) + 1
    chosen = np.random.default_rng(SPLIT_SEED).permutation(count)[: round(HELD_OUT_SHARE * count)]
    held_out = np.isin(cluster, chosen)
    table = table[table[:, 0] != table[:, 1]]
    table = table[np.argsort(table[:, 0], kind="stable")]
    query, target = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    usable = ~held_out
    usable[query[held_out[target]]] = False
    usable[target[held_out[query]]] = False
    hits = table[:, [0, 1, 3, 4, 5, 6]].astype(np.int32)
    hits[:, [2, 4]] -= 1
    first = np.searchsorted(hits[:, 0], np.arange(len(names) + 1))
    return Proteins(names, sequences, cluster, held_out, usable, hits, table[:, 2].astype(np.float32), first)
