"""`python -m benchmarks [NAME ...] [--smoke] [--sequences N] [--json FILE]`: a table, and JSON on request."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks import engine
from benchmarks.measuring import Row
from benchmarks.peer import against_peer
from benchmarks.service_benches import BROWSER_BENCHES, SERVICE_BENCHES, Plan
from benchmarks.shapes import random_checkpoint

Bench = Callable[[Path, bool], Iterator[Row]]


GPU = torch.cuda.is_available()


def _shapes(smoke: bool) -> list[str]:
    return ["tiny"] if smoke else ["e1-150m", "e1-600m"]


def _engine(folder: Path, smoke: bool) -> Iterator[Row]:
    for shape in _shapes(smoke):
        count = 8 if smoke else 1024 if GPU else 16 if shape == "e1-150m" else 8
        yield from engine.against_matrix_products(shape, folder, repeats=1 if smoke else 7, count=count)


def _context(folder: Path, smoke: bool) -> Iterator[Row]:
    for shape in _shapes(smoke) if GPU else _shapes(smoke)[:1]:
        yield from engine.shared_context(
            shape,
            folder,
            repeats=1 if smoke or not GPU else 5,
            queries=4 if smoke else 1000,
            along=1 if smoke or not GPU else 32,
            residues=20 if smoke else 250,
        )


def _skipped(folder: Path, smoke: bool) -> Iterator[Row]:
    for shape in _shapes(smoke) if GPU else _shapes(smoke)[:1]:
        count = 8 if smoke else 1024 if GPU else 16
        yield from engine.skipped_work(shape, folder, repeats=1 if smoke else 5, count=count)


def _peer(folder: Path, smoke: bool) -> Iterator[Row]:
    for shape in _shapes(smoke)[:1]:
        checkpoint = random_checkpoint(shape, folder)
        yield from against_peer(checkpoint, repeats=1 if smoke else 9, count=4 if smoke else 16)


BENCHES: dict[str, Bench] = {"engine": _engine, "peer": _peer, "context": _context, "skipped": _skipped}
NAMES = (*BENCHES, *SERVICE_BENCHES)
ON_SERVICE = {**SERVICE_BENCHES, **BROWSER_BENCHES}


def main(arguments: list[str]) -> int:
    named = f"{', '.join(NAMES)} (all of these by default); {', '.join(BROWSER_BENCHES)} (in a browser)"
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, *ON_SERVICE, []], metavar="NAME", help=named)
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes: whether it runs, not how fast")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    parser.add_argument(
        "--folder", type=Path, default=Path(".local/benchmarks"), help="where random weights and stores are kept"
    )
    parser.add_argument(
        "--sequences", type=int, default=0, help="size of the service's libraries instead of each bench's own"
    )
    parser.add_argument("--repeats", type=int, default=0, help="of the service's benches instead of each one's own")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    with Plan(options.folder, options.smoke, options.sequences, options.repeats) as plan:
        for name in options.names or NAMES:
            measured = BENCHES[name](options.folder, options.smoke) if name in BENCHES else ON_SERVICE[name](plan)
            for row in measured:
                rows.append(row)
                target = f" (target {row.target})" if row.target else ""
                beside = row.detail.get("ratio_by_processor_time")
                also = f", by processor time {beside:.3f}" if beside else ""
                print(f"{row.name}: {row.value:.3f} {row.unit}{target}, noise {row.noise:.1%}{also}", flush=True)
                if options.json:
                    options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
