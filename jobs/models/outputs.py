"""What chunks leave behind: arrays and sums. `jobs.models` imports these, as Django looks for models there."""

from __future__ import annotations

from django.db import models


class Output(models.Model):
    """Arrays of one chunk: one kind, one layer, its items' values one after the other (`jobs.library.outputs`).

    `layer` is -1 where the kind has none; `item_index` is -1 where the row covers all items of the chunk, else the
    one item whose per-token array it holds. `data` is raw little-endian numbers with EXTERNAL storage.
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
            # Whatever is delivered twice is stored once.
            models.UniqueConstraint(fields=["chunk", "kind", "layer", "item_index"], name="output_once"),
        ]


class Tally(models.Model):
    """Sums over a job's first closed chunks, so that progress counts only the rows behind them.

    Every chunk of the job up to `upto` is closed and counted here; `counts` maps "state engine" to chunks, items,
    succeeded and failed ones, `n_bytes` is what their outputs take. `jobs.queue.tallies` moves it on; only a retry
    changes closed chunks, and forgets it. It outlives the chunks of an expired job: its counts stay readable.
    """

    job = models.OneToOneField("jobs.Job", on_delete=models.CASCADE, primary_key=True, related_name="tally")
    upto = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    n_bytes = models.BigIntegerField(default=0, db_default=0)
