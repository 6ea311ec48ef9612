"""Results as numpy arrays: an NPZ file by name, by item, or as a table. Needs numpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from e1client.errors import UsageError, needed

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]
MEAN, PER_TOKEN = "mean_layer_", "per_token_layer_"
NOT_NUMBERS = frozenset(
    {"index", "name", "offsets", "vocab_tokens", "mask_positions", "mask_offsets", "manifest", "numbers"}
)
"""Arrays that describe the others."""


@dataclass(frozen=True)
class ItemResult:
    """One item that succeeded. Its arrays are views into those of all items.

    `mean` [H] and `per_token` [L, H] are keyed by layer. `logits` are [L, 20], or have a row for each `?` if only those
    were requested. `mask_positions` are 0-based. What was not requested is empty or None.
    """

    index: int
    name: str
    mean: Mapping[int, FloatArray]
    per_token: Mapping[int, FloatArray]
    logits: FloatArray | None
    mask_positions: IntArray | None
    log_prob: float | None


class Results:
    """The n items of a job that succeeded, in input order, in memory.

    `results[k]` is the k-th of them; `by_index` finds one by its 0-based place in the input. The two numbers differ if
    an earlier item failed. `index` is int64 [n]; `names` has n texts; `arrays` has everything by the names of
    docs/results.md.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays: Mapping[str, NDArray[Any]] = MappingProxyType(dict(arrays))
        self.index: IntArray = self.arrays["index"]
        self.names: list[str] = _names(self.arrays)

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read the NPZ file of a job. Raises UsageError `bad_results` if it is missing or cut off."""
        try:
            with Path(path).open("rb") as file:
                arrays = np.load(file, allow_pickle=False)  # noqa: TID251
                return cls({name: arrays[name] for name in arrays.files})
        except (OSError, ValueError, KeyError, EOFError, AttributeError, BadZipFile) as error:
            raise UsageError(f"{str(path)!r} is no NPZ file of results: {error}", code="bad_results") from error

    @property
    def log_prob(self) -> FloatArray:
        """float64 [n], natural logarithm. Raises UsageError `no_such_array` for a job of another action."""
        return self._array("log_prob")

    @property
    def vocab_tokens(self) -> list[str]:
        """The residue of each column of logits. Raises UsageError `no_such_array` without logits."""
        tokens: list[str] = self._array("vocab_tokens").tolist()
        return tokens

    def mean(self, layer: int | None = None) -> FloatArray:
        """Return the mean embeddings of a layer, float32 [n, H]; a single layer need not be named.

        They are float16 if the job requested that: convert them before you add up many. Raises UsageError
        `no_such_array` for a layer that was not requested.
        """
        return self._of_layer(MEAN, layer)

    def per_token(self, layer: int | None = None) -> list[FloatArray]:
        """Return float32 or float16 [L, H] for each item: embeddings of every residue. Raises as `mean` does."""
        return self._cut(self._of_layer(PER_TOKEN, layer))

    def logits(self) -> list[FloatArray]:
        """Return float32 or float16 [L, 20] for each item, or [number of `?`, 20] if only those rows were requested.

        Raises UsageError `no_such_array` if the job has none.
        """
        return self._cut(self._array("logits"))

    @property
    def score(self) -> FloatArray:
        """float64 [n]: the score of each variant, the mean over contexts. Raises UsageError `no_such_array`."""
        return self._array("score")

    @property
    def score_by_context(self) -> FloatArray:
        """float64 [n, contexts]: the scores that `score` is the mean of. Raises UsageError `no_such_array`."""
        self._array("score")  # a scan has `scores` of another kind
        return self._array("scores")

    def scans(self) -> list[FloatArray]:
        """Return float64 [P, 20] for each parent: scores of its substitutions. Raises UsageError `no_such_array`."""
        self._array("positions")
        return self._cut(self._array("scores"))

    def scan_positions(self) -> list[IntArray]:
        """Return the positions [P] of the rows of `scans`, counted from 1."""
        return [piece[:, 0].astype(np.int64) for piece in self._cut(self._array("positions"))]

    def scan_numbers(self) -> list[list[str]]:
        """Return the numbers [P] of the same residues in the numbering of the job, such as "52A"."""
        self._array("positions")
        return [piece.tolist() for piece in self._cut(self._array("numbers"))]

    def contacts(self) -> list[FloatArray]:
        """Return the contact map of each sequence, float32 [L, L]. Raises UsageError `no_such_array`."""
        maps = self._cut(self._array("contacts"))
        return [flat.reshape(int(len(flat) ** 0.5), -1) for flat in maps]

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[ItemResult]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, k: int) -> ItemResult:
        """Return the k-th item that succeeded, from the end if k is negative. Raises IndexError."""
        k = range(len(self))[k]
        log_prob = self.arrays.get("log_prob")
        return ItemResult(
            index=int(self.index[k]),
            name=self.names[k],
            mean={layer: array[k] for layer, array in self._by_layer(MEAN).items()},
            per_token={layer: self._piece(array, k) for layer, array in self._by_layer(PER_TOKEN).items()},
            logits=self._piece(self.arrays["logits"], k) if "logits" in self.arrays else None,
            mask_positions=self._piece(self.arrays["mask_positions"], k, "mask_offsets")
            if "mask_positions" in self.arrays
            else None,
            log_prob=None if log_prob is None else float(log_prob[k]),
        )

    def by_index(self, index: int) -> ItemResult:
        """Return the item of this 0-based place in the input. Raises KeyError if it did not succeed."""
        at = int(np.searchsorted(self.index, index))
        if at == len(self) or self.index[at] != index:
            raise KeyError(f"item {index} has no result; the job's items say why")
        return self[at]

    def frame(self) -> Any:
        """Return a pandas DataFrame with a row for every item and the columns of the CSV download.

        The columns are `name`, then `log_prob`, `score` and related ones, or `mean_layer_N_0` and so on. The index is
        the 0-based place in the input. Raises UsageError `missing_package` without pandas, and `ragged_results` if the
        numbers of an item do not fit into a row (per-residue embeddings, logits, scans, contact maps).
        """
        pandas = needed("pandas", "a data frame")
        numbers = {name: array for name, array in self.arrays.items() if name not in NOT_NUMBERS}
        if ragged := [name for name in numbers if "offsets" in self.arrays and not name.startswith(MEAN)]:
            raise UsageError(
                f"{', '.join(ragged)}: as many rows an item as it has positions, which a table of items cannot hold; "
                "use the arrays of the results; or, for pandas, "
                'client.download(job, "all.csv") and pandas.read_csv("all.csv"), with a row for each of them',
                code="ragged_results",
            )
        columns: dict[str, Any] = {"name": self.names}
        for name, array in numbers.items():
            if array.ndim == 1 and len(array) == len(self):
                columns[name] = array
            elif array.ndim == 2:
                columns |= {f"{name}_{n}": column for n, column in enumerate(array.T)}
        return pandas.DataFrame(columns, index=pandas.Index(self.index, name="index"))

    def _by_layer(self, prefix: str) -> dict[int, FloatArray]:
        """Return the arrays whose names are the prefix and a layer, by layer."""
        # With several contexts, "_spread" or "_single" may follow the layer.
        names = [name for name in self.arrays if name.startswith(prefix) and name.removeprefix(prefix).isdigit()]
        return {int(name.removeprefix(prefix)): self.arrays[name] for name in names}

    def _of_layer(self, prefix: str, layer: int | None) -> FloatArray:
        held = self._by_layer(prefix)
        if layer is None and len(held) == 1:
            return next(iter(held.values()))
        if layer is None and held:
            raise UsageError(f"which layer? These results have {sorted(held)}", code="no_such_array")
        return self._array(f"{prefix}{'N' if layer is None else layer}")

    def _array(self, name: str) -> NDArray[Any]:
        try:
            return self.arrays[name]
        except KeyError:
            held = ", ".join(self.arrays)
            raise UsageError(f"these results have no {name!r}; they have {held}", code="no_such_array") from None

    def _piece(self, array: NDArray[Any], k: int, offsets: str = "offsets") -> NDArray[Any]:
        """Return the rows of the k-th item in a ragged array."""
        ends = self.arrays[offsets]
        return array[ends[k] : ends[k + 1]]

    def _cut(self, array: FloatArray) -> list[FloatArray]:
        return [self._piece(array, k) for k in range(len(self))]


def _names(arrays: Mapping[str, NDArray[Any]]) -> list[str]:
    """Return complete names: a large job with a very long one stores them apart, as UTF-8."""
    if "name_utf8" not in arrays:
        names: list[str] = arrays["name"].tolist()
        return names
    text, ends = arrays["name_utf8"].tobytes(), arrays["name_offsets"].tolist()
    return [text[start:end].decode() for start, end in pairwise(ends)]
