"""Results of chunks: arrays and sums."""

from __future__ import annotations

from django.db import models


class Output(models.Model):
    """Arrays of one chunk, of one kind and layer, its items' values one after the other (`jobs.library.outputs`).

    `layer` is -1 for kinds without layers. `item_index` is -1 if the row covers all items of the chunk, else the item
    whose per-token array it holds. `data` is raw little-endian numbers with EXTERNAL storage.
    """

    chunk = models.ForeignKey("jobs.Chunk", on_delete=models.CASCADE, related_name="outputs", db_index=False)
    kind = models.CharField(max_length=12)
    layer = models.SmallIntegerField(default=-1)
    item_index = models.IntegerField(default=-1)
    dtype = models.CharField(max_length=4)
    width = models.PositiveIntegerField()
    rows = models.JSONField()
    data = models.BinaryField()
    checksum = models.BinaryField(max_length=16)

    class Meta:
        constraints = [
            # An output that is delivered twice is stored once.
            models.UniqueConstraint(fields=["chunk", "kind", "layer", "item_index"], name="output_once"),
        ]


class Tally(models.Model):
    """Sums over a job's first closed chunks, so that progress counts only the rows behind them.

    Every chunk of the job up to `upto` is closed and counted here. `counts` maps "state engine" to numbers of chunks,
    items, succeeded and failed items; `n_bytes` is the size of their outputs. `jobs.queue.tallies` moves it on. Only a
    retry changes closed chunks, and deletes it. It outlives the chunks of an expired job, so counts stay readable.
    """

    job = models.OneToOneField("jobs.Job", on_delete=models.CASCADE, primary_key=True, related_name="tally")
    upto = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    n_bytes = models.BigIntegerField(default=0, db_default=0)
