"""The XLSX file of `e1 run`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import IO, Any

from e1protocol import CANONICAL
from jobs.errors import InvalidInput
from jobs.files.xlsx import Sheet, SheetFull, facts_sheet, too_large, workbook_blocks
from worker.run_writer import Finished, Writer

BLOCK = 1 << 20
REMEDY = "Choose .csv, which has the same table without a limit, or .parquet."


class XlsxWriter(Writer):
    """A sheet for each table. Each grows in a temporary file, which `close` packs into the workbook."""

    def start(self) -> None:
        self._sheets = [Sheet(table.heads) for table in self.tables]
        self._open = ExitStack()
        self._spools: list[IO[bytes]] = [
            self._open.enter_context(tempfile.TemporaryFile(dir=self.path.parent))  # noqa: SIM115 - the stack closes it
            for _ in self.tables
        ]
        for sheet, spool in zip(self._sheets, self._spools, strict=True):
            spool.write(sheet.head())

    def __exit__(self, *_: object) -> None:
        self._open.close()
        super().__exit__(*_)

    def foresee(self, sequences: Iterable[str]) -> None:
        rows = [0] * len(self.tables)
        for sequence in sequences:
            for n, table in enumerate(self.tables):
                rows[n] += table.most(sequence)
        for table, count in zip(self.tables, rows, strict=True):
            if reason := too_large(table, count):
                raise InvalidInput.one("sheet_too_large", reason, REMEDY)

    def write(self, item: Finished) -> None:
        for table, sheet, spool in zip(self.tables, self._sheets, self._spools, strict=True):
            try:
                spool.writelines(sheet.rows(self.rows(table, item)))
            except SheetFull as full:
                raise InvalidInput.one("sheet_too_large", str(full), REMEDY) from full

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        sheets = []
        for table, sheet, spool in zip(self.tables, self._sheets, self._spools, strict=True):
            spool.write(sheet.end())
            sheets.append((table.name, _blocks(spool)))
        about = facts_sheet({**manifest, "vocab_tokens": list(CANONICAL)})
        self.file.writelines(workbook_blocks([*sheets, ("about", about)]))
        self.file.flush()


def _blocks(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while block := spool.read(BLOCK):
        yield block
