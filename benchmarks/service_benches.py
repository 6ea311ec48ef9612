"""The benches of the service by name, with their sizes. They share one pair of stores, started by the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Self

from benchmarks import pictures, service, service_files, simulation
from benchmarks.analyses import analyses
from benchmarks.measuring import Row
from benchmarks.service_growth import growth
from benchmarks.service_stack import Service, running
from benchmarks.shapes import random_checkpoint


class Plan:
    """Sizes of one run, and its service; ends it on exit."""

    def __init__(self, folder: Path, smoke: bool, sequences: int, repeats: int) -> None:
        self.folder, self.smoke = folder, smoke
        self._sequences, self._repeats = sequences, repeats
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @cached_property
    def service(self) -> Service:
        return self._stack.enter_context(running(self.folder / "service"))

    def sequences(self, usual: int, smoke: int = 64) -> int:
        return smoke if self.smoke else self._sequences or usual

    def repeats(self, usual: int) -> int:
        return 1 if self.smoke else self._repeats or usual


def _overhead(plan: Plan) -> Iterator[Row]:
    return service.overhead(plan.service, sequences=plan.sequences(20_000), repeats=plan.repeats(5))


def _against(plan: Plan) -> Iterator[Row]:
    shape = "tiny" if plan.smoke else "e1-150m"
    checkpoint = str(random_checkpoint(shape, plan.folder).resolve())
    sequences = plan.sequences(32, smoke=16)
    return service.against_engine(plan.service, checkpoint=checkpoint, sequences=sequences, repeats=plan.repeats(3))


def _ingest(plan: Plan) -> Iterator[Row]:
    return service_files.ingest(plan.service, sequences=plan.sequences(100_000), repeats=plan.repeats(3))


def _download(plan: Plan) -> Iterator[Row]:
    sequences = plan.sequences(20_000)
    # A million as text is 14 GB, and as HDF5 another 5 GB in the database.
    few = sequences <= 100_000
    formats = service_files.STREAMED if few else service_files.STREAMED[:2]
    return service_files.download(plan.service, sequences=sequences, repeats=plan.repeats(3), formats=formats, hdf5=few)


def _pages(plan: Plan) -> Iterator[Row]:
    return service.pages(plan.service, sequences=plan.sequences(1_000_000), repeats=plan.repeats(9))


def _simulation(plan: Plan) -> Iterator[Row]:
    fleets = (2,) if plan.smoke else (4, 16, 32)
    return simulation.simulate(
        plan.service,
        fleets=fleets,
        bundle_chunks=2 if plan.smoke else 8,
        bundle_seconds=0.02 if plan.smoke else 2.0,
        bundles_each=2 if plan.smoke else 8,
    )


def _growth(plan: Plan) -> Iterator[Row]:
    sizes = (64, 128) if plan.smoke else (10_000, 100_000)
    largest = plan.sequences(sizes[-1], smoke=sizes[-1])
    return growth(plan.service, sizes=[*(n for n in sizes if n < largest), largest], repeats=plan.repeats(1))


def _waiting(plan: Plan) -> Iterator[Row]:
    seconds = 0.2 if plan.smoke else 1.0
    sequences = plan.sequences(10_000, smoke=2000)
    return service.waiting(plan.service, sequences=sequences, repeats=plan.repeats(15), bundle_seconds=seconds)


def _analyses(plan: Plan) -> Iterator[Row]:
    items = plan.sequences(0)
    many = (items,) if items else (20_000, 50_000)
    return analyses(plan.service, items=many, widths=(8,) if plan.smoke else (320, 1280))


def _pictures(plan: Plan) -> Iterator[Row]:
    sizes = pictures.SMOKE if plan.smoke else pictures.Sizes()
    return pictures.pictures(plan.service, sizes=sizes, repeats=plan.repeats(3))


SERVICE_BENCHES: Mapping[str, Callable[[Plan], Iterator[Row]]] = MappingProxyType(
    {
        "overhead": _overhead,
        "against": _against,
        "ingest": _ingest,
        "download": _download,
        "pages": _pages,
        "waiting": _waiting,
        "simulation": _simulation,
        "growth": _growth,
        "analyses": _analyses,
    }
)
BROWSER_BENCHES: Mapping[str, Callable[[Plan], Iterator[Row]]] = MappingProxyType({"pictures": _pictures})
"""Those that need a browser beside everything else: they run where they are named."""
