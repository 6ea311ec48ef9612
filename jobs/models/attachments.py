"""What users lay beside the results of a job: measurements and structures. `jobs.models` imports these."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Attachment(models.Model):
    """A file that hangs on one item of a job, and goes with the job. Jobs of variants have one parent: item 0 stands
    for all. `size` is what is kept of it in bytes, which counts against its owner's quota.
    """

    item_index = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


class Assay(Attachment):
    """Measured values of variants. `names` as the file gives them; `data` one little-endian double for each, NaN where
    there is none. `offset` is what the names' numbers are ahead of the parent's positions.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="assays")
    variant_column = models.CharField(max_length=100)
    value_column = models.CharField(max_length=100)
    offset = models.IntegerField(default=0)
    names = models.JSONField()
    data = models.BinaryField()


class Structure(Attachment):
    """Distances between the residues of a sequence in a structure: `data` is [L, L] little-endian float32 in Angstrom,
    NaN where a residue is not resolved. The file itself is not kept.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="structures")
    chain = models.CharField(max_length=20)
    residues = models.PositiveIntegerField()
    aligned = models.PositiveIntegerField()
    identical = models.PositiveIntegerField()
    data = models.BinaryField()
