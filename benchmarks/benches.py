"""All benches by name, with their sizes. Those of the service share one pair of stores, which the first one starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import torch

from benchmarks import engine, gpu, pictures, service, service_files, simulation, users, webserver
from benchmarks.accuracy import accuracy
from benchmarks.analyses import analyses
from benchmarks.backups import backups
from benchmarks.latency import latency
from benchmarks.measuring import Row
from benchmarks.peer import against_peer
from benchmarks.service_growth import growth
from benchmarks.service_stack import Service, running
from benchmarks.shapes import random_checkpoint
from worker.model.registry import find_checkpoint

GPU = torch.cuda.is_available()


class Plan(ExitStack):
    """The sizes of one run, and its service, which stops on exit."""

    def __init__(self, folder: Path, smoke: bool, sequences: int, repeats: int) -> None:
        super().__init__()
        self.folder, self.smoke = folder, smoke
        self._sequences, self._repeats = sequences, repeats

    @cached_property
    def service(self) -> Service:
        return self.enter_context(running(self.folder / "service"))

    @property
    def shapes(self) -> list[str]:
        """The networks of the engine's benches, the smallest first."""
        return ["tiny"] if self.smoke else ["e1-150m", "e1-600m"]

    def sequences(self, usual: int, smoke: int = 64) -> int:
        return smoke if self.smoke else self._sequences or usual

    def repeats(self, usual: int) -> int:
        return 1 if self.smoke else self._repeats or usual


def _engine(plan: Plan) -> Iterator[Row]:
    for shape in plan.shapes:
        count = 8 if plan.smoke else 1024 if GPU else 16 if shape == "e1-150m" else 8
        for precision in engine.precisions(shape, plan.folder):
            yield from engine.against_matrix_products(
                shape, plan.folder, precision=precision, repeats=plan.repeats(7), count=count
            )
        yield from engine.out_of_reach(shape, plan.folder)


def _accuracy(plan: Plan) -> Iterator[Row]:
    yield from accuracy("e1-demo", find_checkpoint("e1-demo").folder, mutants=2 if plan.smoke else 60)
    if not plan.smoke:
        for shape in plan.shapes:
            yield from accuracy(f"{shape}, random", random_checkpoint(shape, plan.folder), mutants=12)


def _peer(plan: Plan) -> Iterator[Row]:
    checkpoint = random_checkpoint(plan.shapes[0], plan.folder)
    return against_peer(checkpoint, repeats=1 if plan.smoke else 9, count=4 if plan.smoke else 16)


def _context(plan: Plan) -> Iterator[Row]:
    few = plan.smoke or not GPU
    for shape in plan.shapes if GPU else plan.shapes[:1]:
        for precision in engine.precisions(shape, plan.folder):
            yield from engine.shared_context(
                shape,
                plan.folder,
                precision=precision,
                repeats=1 if few else 5,
                queries=4 if plan.smoke else 1000,
                along=1 if few else 32,
                residues=20 if plan.smoke else 250,
            )


def _skipped(plan: Plan) -> Iterator[Row]:
    for shape in plan.shapes if GPU else plan.shapes[:1]:
        count = 8 if plan.smoke else 1024 if GPU else 16
        yield from engine.skipped_work(shape, plan.folder, repeats=1 if plan.smoke else 5, count=count)


def _overhead(plan: Plan) -> Iterator[Row]:
    return service.overhead(plan.service, sequences=plan.sequences(20_000), repeats=plan.repeats(5))


def _against(plan: Plan) -> Iterator[Row]:
    checkpoint = str(random_checkpoint(plan.shapes[0], plan.folder).resolve())
    sequences = plan.sequences(32, smoke=16)
    return service.against_engine(plan.service, checkpoint=checkpoint, sequences=sequences, repeats=plan.repeats(3))


def _ingest(plan: Plan) -> Iterator[Row]:
    return service_files.ingest(plan.service, sequences=plan.sequences(100_000), repeats=plan.repeats(3))


def _download(plan: Plan) -> Iterator[Row]:
    sequences = plan.sequences(20_000)
    # A million sequences are 14 GB as text, and HDF5 adds 5 GB to the database.
    few = sequences <= 100_000
    formats = service_files.STREAMED if few else service_files.STREAMED[:2]
    return service_files.download(plan.service, sequences=sequences, repeats=plan.repeats(3), formats=formats, hdf5=few)


def _backup(plan: Plan) -> Iterator[Row]:
    return backups(plan.service, sequences=plan.sequences(200_000), folder=plan.folder)


def _pages(plan: Plan) -> Iterator[Row]:
    return service.pages(plan.service, sequences=plan.sequences(1_000_000), repeats=plan.repeats(9))


def _waiting(plan: Plan) -> Iterator[Row]:
    seconds = 0.2 if plan.smoke else 1.0
    sequences = plan.sequences(10_000, smoke=2000)
    return service.waiting(plan.service, sequences=sequences, repeats=plan.repeats(15), bundle_seconds=seconds)


def _latency(plan: Plan) -> Iterator[Row]:
    return latency(plan.service, repeats=2 if plan.smoke else plan.repeats(200))


def _simulation(plan: Plan) -> Iterator[Row]:
    return simulation.simulate(
        plan.service,
        fleets=(2,) if plan.smoke else (4, 16, 32),
        bundle_chunks=2 if plan.smoke else 8,
        bundle_seconds=0.02 if plan.smoke else 2.0,
        bundles_each=2 if plan.smoke else 8,
    )


def _server(plan: Plan) -> Iterator[Row]:
    # Two servers, each with a connection to Postgres for every thread that has worked.
    with running(plan.folder / "server", connections=400) as stores:
        yield from webserver.servers(stores, rounds=plan.repeats(10), seconds=3 if plan.smoke else 5)


def _growth(plan: Plan) -> Iterator[Row]:
    sizes = (64, 128) if plan.smoke else (10_000, 100_000)
    largest = plan.sequences(sizes[-1], smoke=sizes[-1])
    return growth(plan.service, sizes=[*(n for n in sizes if n < largest), largest], repeats=plan.repeats(1))


def _analyses(plan: Plan) -> Iterator[Row]:
    items = plan.sequences(0)
    many = (items,) if items else (20_000, 50_000)
    return analyses(plan.service, items=many, widths=(8,) if plan.smoke else (320, 1280), umap=not plan.smoke)


def _run(plan: Plan) -> Iterator[Row]:
    return users.run_against_service(sequences=plan.sequences(400, smoke=8), repeats=plan.repeats(5))


def _estimates(plan: Plan) -> Iterator[Row]:
    return users.estimates(size=0.02 if plan.smoke else 1.0, repeats=plan.repeats(2))


def _gpu(plan: Plan) -> Iterator[Row]:
    return gpu.gpu(plan.folder, gpu.Sizes() if GPU and not plan.smoke else gpu.SMALL)


def _pictures(plan: Plan) -> Iterator[Row]:
    sizes = pictures.SMOKE if plan.smoke else pictures.Sizes()
    return pictures.pictures(plan.service, sizes=sizes, repeats=plan.repeats(3))


Bench = Callable[[Plan], Iterator[Row]]
BENCHES: Mapping[str, Bench] = MappingProxyType(
    {
        "engine": _engine,
        "accuracy": _accuracy,
        "peer": _peer,
        "context": _context,
        "skipped": _skipped,
        "overhead": _overhead,
        "against": _against,
        "ingest": _ingest,
        "download": _download,
        "backup": _backup,
        "pages": _pages,
        "waiting": _waiting,
        "latency": _latency,
        "simulation": _simulation,
        "growth": _growth,
        "analyses": _analyses,
        "run": _run,
        "estimates": _estimates,
    }
)
BROWSER_BENCHES: Mapping[str, Bench] = MappingProxyType({"pictures": _pictures})
"""The benches that also need a browser. They run only if they are named."""
DEVICE_BENCHES: Mapping[str, Bench] = MappingProxyType({"gpu": _gpu})
"""The bench of a GPU, which runs the parts of others. It runs only if it is named."""
PROGRAM_BENCHES: Mapping[str, Bench] = MappingProxyType({"server": _server})
"""The benches that also need a program, wrk. They run only if they are named, and with stores of their own."""
