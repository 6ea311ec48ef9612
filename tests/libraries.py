"""Jobs with random results.

They are written through the services that workers use, so tests of downloads and maps need no engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
from django.contrib.auth.models import User
from django.db.models.functions import Now
from numpy.typing import NDArray

from e1protocol import MODELS, Encoding, EngineIdentity, Query
from jobs.actions import ItemView, Stored, get_action
from jobs.actions.dtypes import as_asked, dtype_of
from jobs.errors import Problem
from jobs.fleet.workers import engine_record
from jobs.library.chunking import ItemCost, ItemCutter
from jobs.library.outputs import checksum, pack_outputs
from jobs.models import Chunk, Context, Item, Job, Output
from jobs.models.states import ChunkState, JobState
from jobs.queue.leases import chunk_complete

IDENTITY = EngineIdentity("e1-demo", "ab" * 32, "float32", "cpu", "sdpa", "2.9", "0.1.0", demonstration=True)
OUT_OF_MEMORY = Problem("out_of_memory", "the item does not fit, whatever its batch", "Shorten the sequence.")
BAD_LETTER = Problem("bad_letter", "line 7 has 'J', which is no residue", "Remove the record.", line=7, column=3)


@dataclass
class Library:
    """A job under construction. `results` holds the expected results of its succeeded items, by index."""

    job: Job
    views: dict[int, ItemView]
    rng: np.random.Generator
    width: int | None = None
    results: dict[int, dict[str, Any]] = field(default_factory=dict)

    def finish(self, chunks: Collection[Chunk] | None = None, failing: Collection[int] = ()) -> None:
        """Complete these chunks, or all ready ones, as a worker does. `failing` items fail."""
        engine = engine_record(identity=IDENTITY)
        ready = Chunk.objects.filter(job=self.job, state=ChunkState.READY).order_by("id")
        for chunk in ready if chunks is None else chunks:
            token = uuid4()
            Chunk.objects.filter(pk=chunk.pk).update(state=ChunkState.LEASED, lease_token=token, lease_end=Now())
            indices = list(Item.objects.filter(chunk=chunk).order_by("index").values_list("index", flat=True))
            good = [(index, self._kept(index)) for index in indices if index not in failing]
            assert chunk_complete(
                chunk_id=chunk.pk,
                token=token,
                outputs=pack_outputs(get_action(self.job.action), good),
                failures={index: OUT_OF_MEMORY for index in indices if index in failing},
                succeeded=len(good),
                engine_id=engine,
            )

    def _kept(self, index: int) -> list[Any]:
        """Return the item's arrays in the job's type, and keep them as its expected result."""
        action, params = get_action(self.job.action), self.job.params
        stored = as_asked(self._compute(index), params)
        self.results[index] = action.result(self.views[index], params, {(s.kind, s.layer): s.array for s in stored})
        return stored

    def _compute(self, index: int) -> list[Any]:
        action, params, view = get_action(self.job.action), self.job.params, self.views[index]
        return action.reduce(view, params, [self._encoding(query) for query in action.expand(view, params)])

    def _encoding(self, query: Query) -> Encoding:
        """Return random numbers of the right shapes. Their magnitudes need all digits and fit the type."""
        hidden, length = self.width or MODELS[self.job.model].hidden_size, len(query.sequence)
        rows = length if query.positions is None else len(query.positions)
        top = 6 if dtype_of(self.job.params) == np.float32 else 4

        def draw(*shape: int) -> NDArray[np.float32]:
            return (self.rng.normal(size=shape) * 10.0 ** self.rng.integers(-6, top)).astype(np.float32)

        return Encoding(
            logits=draw(rows, 20) if "logits" in query.include else None,
            mean={n: draw(hidden) for n in query.layers} if "mean" in query.include else {},
            per_token={n: draw(length, hidden) for n in query.layers} if "per_token" in query.include else {},
        )


def library(
    action: str,
    params: Mapping[str, Any] | None = None,
    *,
    items: int = 20,
    names: Sequence[str] = (),
    skipped: Collection[int] = (),
    contexts: Sequence[tuple[str, ...]] = (),
    width: int | None = None,
    seed: int = 1,
) -> Library:
    """Make a queued job of the demonstration model with random sequences.

    Item i has the context i modulo their number.
    """
    rng = np.random.default_rng(seed)
    owner, _ = User.objects.get_or_create(username="ada")
    model = MODELS["e1-demo"]
    job = Job.objects.create(
        owner=owner,
        name="library",
        model=model.slug,
        action=action,
        params=get_action(action).check_params(params or {}, model),
        state=JobState.QUEUED,
        total_items=items,
        skipped_items=len(skipped),
    )
    stored = [
        Context.objects.create(
            owner=owner,
            digest=f"{n:064}",
            sequences=list(sequences),
            tokens=sum(len(s) + 4 for s in sequences),
        )
        for n, sequences in enumerate(contexts)
    ]
    views = {
        i: ItemView(_sequence(rng, action), contexts[i % len(contexts)] if contexts else ())
        for i in range(items)
        if i not in skipped
    }
    plans = ItemCutter().chunks(ItemCost(i, len(view.sequence)) for i, view in views.items())
    chunk_of = {}
    for plan in plans:
        chunk = Chunk.objects.create(
            job=job,
            first_index=plan.indices[0],
            model=job.model,
            n_items=len(plan.indices),
            n_tokens=plan.tokens,
        )
        chunk_of.update(dict.fromkeys(plan.indices, chunk))
    Item.objects.bulk_create(
        Item(
            job=job,
            index=i,
            chunk=chunk_of.get(i),
            line=2 * i + 1,
            name=names[i] if i < len(names) else f"protein{i}",
            sequence=views[i].sequence if i in views else "MJ",
            context=stored[i % len(stored)] if stored and i in views else None,
            error_code=BAD_LETTER.code if i in skipped else None,
            error=[BAD_LETTER.as_dict(), {"code": "second"}] if i in skipped else None,
        )
        for i in range(items)
    )
    return Library(job, views, rng, width)


def _sequence(rng: np.random.Generator, action: str) -> str:
    letters = rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=int(rng.integers(1, 12)))
    if action == "predict":
        letters[rng.integers(0, len(letters), size=2)] = "?"
    return "".join(letters)


class GroupedLibrary(Library):
    """A library whose item i has a mean embedding near the centre of group i modulo `groups`."""

    groups = 4
    spread = 0.1

    def _compute(self, index: int) -> list[Any]:
        stored = super()._compute(index)
        centres = np.random.default_rng(11).normal(size=(self.groups, 128))
        for position, one in enumerate(stored):
            if one.kind == "mean":
                noise = self.spread * self.rng.normal(size=128)
                vector = (centres[index % self.groups] + noise).astype(np.float32)
                stored[position] = Stored("mean", one.layer, vector[None])
        return stored

    def vectors(self, layer: int = 6) -> tuple[list[int], NDArray[np.float64]]:
        """Return indices of the succeeded items and their embeddings in float64."""
        indices = sorted(self.results)
        rows = [
            next(one["embedding"] for one in self.results[index]["embeddings"] if one["layer"] == layer)
            for index in indices
        ]
        return indices, np.array(rows, dtype=np.float64)


def grouped(items: int = 60, *, params: dict[str, Any] | None = None, owner: Any = None, **more: Any) -> GroupedLibrary:
    """Make a queued encode job; `finish` stores its embeddings."""
    made = library("encode", params, items=items, **more)
    if owner is not None:
        Job.objects.filter(pk=made.job.pk).update(owner=owner)
        made.job.refresh_from_db()
    return GroupedLibrary(made.job, made.views, made.rng, made.width)


def state(lib: Library, to: str) -> None:
    Job.objects.filter(pk=lib.job.pk).update(state=to)
    lib.job.refresh_from_db()


def large_job(items: int, kind: str = "mean") -> Job:
    """Make a finished job of `items` mean embeddings, or logits, in bulk; every chunk has the same numbers."""
    job = library("encode", {"include": [kind]}, items=0).job
    chunks = Chunk.objects.bulk_create(
        Chunk(job=job, first_index=8 * n, model="e1-demo", state="done", n_items=8, n_succeeded=8, n_tokens=8)
        for n in range(items // 8)
    )
    Item.objects.bulk_create(
        (Item(job=job, index=i, chunk=chunks[i // 8], name=f"p{i:05}", sequence="M" * 30) for i in range(items)),
        batch_size=2_000,
    )
    rows, width, layer = (1, 128, 6) if kind == "mean" else (30, 20, -1)
    data = np.random.default_rng(2).normal(size=(8 * rows, width)).astype("<f4").tobytes()
    row = {"kind": kind, "layer": layer, "dtype": "<f4", "width": width, "rows": [rows] * 8, "data": data}
    Output.objects.bulk_create(
        (Output(chunk=chunk, checksum=checksum(data), **row) for chunk in chunks), batch_size=500
    )
    return job
