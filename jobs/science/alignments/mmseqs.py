"""Homolog searches by MMseqs2, if it is installed: faster than HMMER in large libraries, but less sensitive."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jobs.errors import ServiceError, Unavailable
from jobs.science.alignments.homologs import Found, Report, SearchSettings, kept
from jobs.science.alignments.libraries import SEQUENCES, library_names
from jobs.science.alignments.reading import Alignment, read_alignment

PROGRAM = "mmseqs"
TARGETS = "mmseqs/targets"
"""The library in the format of MMseqs2, created next to its FASTA file by the first search."""
ASK_SECONDS = 1.0


class MmseqsFailed(ServiceError):
    """The program ended with an error."""

    code = "mmseqs_failed"


def require_mmseqs() -> str:
    """Return the path of the program. Raises Unavailable `program_missing`."""
    path = shutil.which(PROGRAM)
    if path is None:
        what = (
            "MMseqs2 is not installed on this machine (Debian and Ubuntu: the package mmseqs2); choose the tool hmmer"
        )
        raise Unavailable(what, code="program_missing")
    return path


def search(parent: str, folder: Path, settings: SearchSettings, report: Report) -> Found:
    """Search the library in `folder` for homologs of `parent`.

    `report` receives a fixed share for each step, because MMseqs2 reports no progress within a step.
    """
    program = require_mmseqs()
    with tempfile.TemporaryDirectory(prefix="e1-mmseqs-") as name:
        work = Path(name)
        (work / "parent.fasta").write_text(f">parent\n{parent}\n", encoding="ascii")
        targets = _targets(program, folder, work, report)
        _run([program, "createdb", str(work / "parent.fasta"), str(work / "query")], report, 0.05)
        options = [
            *("-e", f"{settings.evalue:g}", "--num-iterations", str(settings.iterations), "-s", "7.5", "-a"),
            *("--max-seqs", str(settings.max_homologs), "--threads", "1", "-v", "1"),
        ]
        command = [program, "search", str(work / "query"), str(targets), str(work / "result"), str(work / "tmp")]
        _run([*command, *options], report, 0.1)
        rows = work / "rows"
        # 5: A3M whose first row is the query. Unfiltered, because the sampler weighs the rows.
        _run(
            [
                *(program, "result2msa", str(work / "query"), str(targets), str(work / "result"), str(rows)),
                *("--msa-format-mode", "5", "--filter-msa", "0", "--threads", "1", "-v", "1"),
            ],
            report,
            0.9,
        )
        text = rows.read_bytes().rstrip(b"\0")
    found = _named(read_alignment(text, parent=parent, skip_empty=True), folder)
    return Found(kept(found, settings), found.depth - 1, settings.iterations, converged=False)


def _targets(program: str, folder: Path, work: Path, report: Report) -> Path:
    """Return the path of the library in the format of MMseqs2; create it if it is missing.

    The finished folder is renamed into place, so that concurrent searches never see half of it.
    """
    ready = folder / TARGETS
    if not ready.with_suffix(".dbtype").exists():
        making = Path(tempfile.mkdtemp(prefix=".mmseqs-", dir=folder))
        try:
            _run([program, "createdb", str(folder / SEQUENCES), str(making / ready.name), "-v", "1"], report, 0.0)
            if not ready.parent.exists():
                making.rename(ready.parent)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return ready


def _run(command: list[str], report: Report, share: float) -> None:
    """Run one step, calling `report` every second; an exception of `report` ends it. Raises MmseqsFailed."""
    report(1, share)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - our own command
        try:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(ASK_SECONDS)
                report(1, share)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            output.seek(0)
            last = output.read()[-400:].decode("utf-8", "replace").strip().splitlines()
            raise MmseqsFailed(
                f"mmseqs {command[1]} ended with {process.returncode}: {last[-1] if last else 'no message'}"
            )


def _named(rows: Alignment, folder: Path) -> Alignment:
    """Replace the numbers of the sequences by their original names."""
    names = library_names(folder, {int(name) for name in rows.names[1:] if name.isdigit()})
    return replace(rows, names=("parent", *(names.get(name, name) for name in rows.names[1:])))
