"""Finished jobs with made-up results, for measuring how results are used.

These jobs have the same rows as if ingest and workers had written them; tests read them through the REST interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

from benchmarks.service_data import create_job, idle_engine, settle
from e1protocol import CANONICAL
from jobs.actions.base import Stored
from jobs.limits import CHUNK_ITEMS

CHUNKS_PER_WRITE = 500
T = TypeVar("T")


def random_protein(residues: int, seed: int = 0) -> str:
    letters = np.random.default_rng(seed).integers(0, len(CANONICAL), residues)
    return "".join(CANONICAL[letter] for letter in letters)


def finished_job(
    *,
    model: str,
    action: str,
    params: dict[str, Any],
    items: Sequence[tuple[str, str]],
    stored: Callable[[int], list[Stored]],
) -> UUID:
    """Insert a succeeded job of the first user. `items` are names and texts; `stored` returns the arrays of an item."""
    from django.db import connection, transaction

    from jobs.actions import get_action
    from jobs.library.outputs import outputs_copy, pack_outputs
    from jobs.models import Chunk, Item

    known, engine = get_action(action), idle_engine(model)
    residues = sum(len(text) for _, text in items)
    job = create_job(action=action, params=params, state="succeeded", items=len(items), residues=residues, model=model)
    runs = runs_of(list(enumerate(items)), CHUNK_ITEMS)
    for group in runs_of(runs, CHUNKS_PER_WRITE):
        with transaction.atomic():
            chunks = Chunk.objects.bulk_create(
                Chunk(
                    job=job,
                    first_index=run[0][0],
                    model=model,
                    state="done",
                    n_items=len(run),
                    n_tokens=len(run),
                    n_succeeded=len(run),
                    worker="bench",
                    engine_id=engine,
                )
                for run in group
            )
            both = list(zip(chunks, group, strict=True))
            Item.objects.bulk_create(
                Item(job=job, index=index, chunk=chunk, name=name, sequence=text)
                for chunk, run in both
                for index, (name, text) in run
            )
            outputs_copy(
                (chunk.pk, one)
                for chunk, run in both
                for one in pack_outputs(known, [(index, stored(index)) for index, _ in run])
            )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_chunk SET finished_at = statement_timestamp() WHERE job_id = %s", [job.pk])
        cursor.execute(
            "UPDATE jobs_job SET started_at = created_at, finished_at = statement_timestamp() WHERE id = %s", [job.pk]
        )
    settle(job.pk)
    return job.pk


def runs_of(values: Sequence[T], length: int) -> list[Sequence[T]]:
    return [values[start : start + length] for start in range(0, len(values), length)]


def variants_of(parent: str, count: int) -> Iterator[str]:
    """Yield codes of up to `count` different variants of `parent`: all single substitutions, then double ones."""
    singles = [[f"{wild}{at}{mutant}" for mutant in CANONICAL if mutant != wild] for at, wild in enumerate(parent, 1)]
    made = [code for codes in singles for code in codes][:count]
    yield from made
    left = count - len(made)
    for distance in range(1, len(parent)):
        for first, second in zip(singles, singles[distance:], strict=False):
            for pair in ((a, b) for a in first for b in second):
                if left <= 0:
                    return
                left -= 1
                yield ":".join(pair)


def scored_job(*, model: str, parent: str, variants: Sequence[str]) -> UUID:
    """Insert a job of variant scores, drawn from a mixture of two normal distributions."""
    random = np.random.default_rng(2)
    scores = np.where(random.random(len(variants)) < 0.3, random.normal(-1, 1, len(variants)), -5)
    scores += random.normal(0, 1, len(variants))

    def stored(index: int) -> list[Stored]:
        score = np.array([[scores[index]]], dtype=np.float64)
        return [Stored("score", -1, score), Stored("spread", -1, np.zeros((1, 1))), Stored("scores", -1, score)]

    params = {"parent": parent, "method": "masked_marginal", "offset": 0}
    items = [(f"variant{number}", code) for number, code in enumerate(variants)]
    return finished_job(model=model, action="score", params=params, items=items, stored=stored)


def scanned_job(*, model: str, sequence: str) -> UUID:
    """Insert a scan of one sequence with normally distributed scores; those of the wild type are 0."""
    scores = np.random.default_rng(3).normal(-2, 2, (len(sequence), len(CANONICAL))).astype(np.float32)
    scores[np.arange(len(sequence)), [CANONICAL.index(letter) for letter in sequence]] = 0
    positions = np.arange(1, len(sequence) + 1, dtype=np.float64)[:, None]

    def stored(_: int) -> list[Stored]:
        return [
            Stored("scores", -1, scores),
            Stored("scores_sd", -1, np.zeros_like(scores)),
            Stored("positions", -1, positions),
        ]

    params = {"method": "masked_marginal", "positions": None}
    return finished_job(model=model, action="scan", params=params, items=[("parent", sequence)], stored=stored)


def contact_job(*, model: str, sequence: str) -> UUID:
    """Insert a contact map of one sequence: symmetric noise, higher near the diagonal."""
    length = len(sequence)
    noise = np.random.default_rng(4).normal(size=(length, length))
    apart = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    scores = ((noise + noise.T) / 2 + 4 * np.exp(-apart / 8)).astype(np.float32).reshape(-1, 1)
    return finished_job(
        model=model,
        action="contacts",
        params={},
        items=[("protein", sequence)],
        stored=lambda _: [Stored("contacts", -1, scores)],
    )


def encoded_job(*, model: str, layer: int, items: int, width: int, groups: int = 40) -> UUID:
    """Insert mean embeddings of `width` numbers: random points around the centres of `groups` of different sizes."""
    random = np.random.default_rng(5)
    centres = random.normal(size=(groups, width)).astype(np.float32)
    shares = 1 / np.arange(1, groups + 1)
    group = random.choice(groups, size=items, p=shares / shares.sum())

    def stored(index: int) -> list[Stored]:
        vector = centres[group[index]] + 0.8 * np.random.default_rng(index).normal(size=width)
        return [Stored("mean", layer, vector[None].astype(np.float32))]

    params = {"repr_layers": [layer], "include": ["mean"]}
    named = [(f"protein{index}", random_protein(40 + index % 60, index)) for index in range(items)]
    return finished_job(model=model, action="encode", params=params, items=named, stored=stored)
