"""Results as a table of pandas, which is imported only here and only when a table is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from e1client.errors import UsageError

if TYPE_CHECKING:
    from e1client.results import Results

NOT_NUMBERS = frozenset({"index", "name", "offsets", "vocab_tokens", "mask_positions", "mask_offsets", "manifest"})
"""Arrays that say what the others are."""


def needed(package: str, why: str) -> Any:
    """The package. Raises UsageError `missing_package`, which says how to install it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise UsageError(f"{why} needs {package}: pip install {package}", code="missing_package") from error


def frame_of(results: Results) -> Any:
    """See `e1client.results.Results.frame`."""
    pandas = needed("pandas", "a data frame")
    count = len(results.index)
    numbers = {name: array for name, array in results.arrays.items() if name not in NOT_NUMBERS}
    if ragged := [name for name in numbers if "offsets" in results.arrays and not name.startswith("mean_layer_")]:
        raise UsageError(
            f"{', '.join(ragged)}: as many rows an item as it has positions, which a table of items cannot hold; "
            "use the arrays of the results, or ask for mean embeddings or log_prob only",
            code="ragged_results",
        )
    index = pandas.Index(results.index, name="index")
    parts = [pandas.DataFrame({"name": results.names}, index=index)]
    for name, array in numbers.items():
        if array.ndim == 1 and len(array) == count:
            parts.append(pandas.DataFrame({name: array}, index=index))
        elif array.ndim == 2:
            columns = [f"{name}_{n}" for n in range(array.shape[1])]
            parts.append(pandas.DataFrame(array, index=index, columns=columns))
    return pandas.concat(parts, axis=1)
