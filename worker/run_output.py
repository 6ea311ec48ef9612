"""The files of `e1 run`: the same rows and arrays as the service's downloads (docs/results.md)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from e1protocol import CANONICAL, ModelFacts
from jobs.actions import Action
from jobs.actions.predict import mask_positions
from jobs.errors import InvalidInput
from jobs.files import ArrayFile, Rows
from jobs.files.hdf5 import Hdf5File
from jobs.files.lines import csv_head, csv_lines, json_line
from jobs.files.parquet import ParquetFile
from jobs.files.tables import chosen_tables, only_table
from worker.run_npz import NpzWriter
from worker.run_writer import Finished, Writer
from worker.run_xlsx import XlsxWriter

BATCH_BYTES = 16 << 20
"""Bytes of arrays in a Parquet row group, or in one step of an HDF5 file."""


class JsonLinesWriter(Writer):
    """A JSON object for each record."""

    def write(self, item: Finished) -> None:
        if item.problem is None:
            rest = {"result": self.action.result(item.view, self.params, item.outputs)}
        else:
            rest = {"error": item.problem.as_dict()}
        self.file.write(json_line(item.index, item.name, item.state, **rest))


class CsvWriter(Writer):
    """The rows of a table: a line for each record, or for each residue, substitution or pair of it."""

    def start(self) -> None:
        (self._table,) = self.tables
        self.file.write(csv_head(self._table.heads))

    def write(self, item: Finished) -> None:
        self.file.writelines(csv_lines(self.rows(self._table, item)))


class ArrayFileWriter(Writer):
    """Parquet or HDF5 (jobs.files): batches of succeeded items."""

    def start(self) -> None:
        self._rows = Rows()
        self._into = self.open_file()

    @abstractmethod
    def open_file(self) -> ArrayFile: ...

    def write(self, item: Finished) -> None:
        if item.problem is not None:
            return
        mask = mask_positions(item.view.sequence) if self.action.needs_mask else None
        self._rows.add(item.index, item.name, self.arrays(item), mask, self.keys(item))
        if self._rows.nbytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if len(self._rows):
            self._into.write(self._rows)
            self._rows = Rows()

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        self._flush()
        self._into.close({**manifest, "vocab_tokens": list(CANONICAL)})


class ParquetWriter(ArrayFileWriter):
    def open_file(self) -> ArrayFile:
        return ParquetFile(self.file, self.columns, masked=self.action.needs_mask)


class Hdf5Writer(ArrayFileWriter):
    def open_file(self) -> ArrayFile:
        return Hdf5File(self.path, self.columns, masked=self.action.needs_mask)


WRITERS: Mapping[str, type[Writer]] = MappingProxyType(
    {
        ".jsonl": JsonLinesWriter,
        ".csv": CsvWriter,
        ".xlsx": XlsxWriter,
        ".npz": NpzWriter,
        ".parquet": ParquetWriter,
        ".h5": Hdf5Writer,
    }
)


def open_writer(
    path: Path, suffix: str, *, action: Action, params: Mapping[str, Any], model: ModelFacts, table: str = ""
) -> Writer:
    """Return the writer for a suffix such as ".npz".

    Raises InvalidInput `unknown_format`, `unknown_table`, or `several_tables` if CSV needs a choice of one.
    """
    if suffix not in WRITERS:
        choice = f"Choose from {', '.join(WRITERS)}."
        raise InvalidInput.one("unknown_format", f"{suffix!r} names no result format", choice)
    columns = action.columns(params, model)
    tables = chosen_tables(columns, table)
    if suffix == ".csv":
        only_table(tables)
    return WRITERS[suffix](path, columns, action=action, params=params, tables=tables)
