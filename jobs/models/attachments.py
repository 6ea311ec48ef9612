"""Files that users attach to a job: assays, structures and annotations."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Attachment(models.Model):
    """A file about one item of a job, deleted with the job. In a job of variants, with one parent, that is item 0.

    `size` is its stored bytes. They count towards the quota of `added_by`, or of the job's owner if that is null.
    """

    item_index = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


class Assay(Attachment):
    """Measured values of variants.

    `names` are those of the file. `data` has a little-endian double for each, NaN for no value. `offset` is the
    difference between the positions in the names and those in the parent. If there is no single one, `numbering` has
    the form of `jobs.science.variants.numbering_forms`. `notes` lists what was changed in the file, or left out.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="assays")
    variant_column = models.CharField(max_length=100)
    value_column = models.CharField(max_length=100)
    offset = models.IntegerField(default=0)
    numbering = models.JSONField(null=True)
    names = models.JSONField()
    data = models.BinaryField()
    notes = models.JSONField(default=list, db_default=[])


class Structure(Attachment):
    """Distances between the residues of a sequence in a structure, and the file itself in blocks.

    `data` is [L, L] little-endian float32 in Angstrom, NaN for residues that are not resolved. `virtual` counts the
    residues with a C-beta atom computed from the backbone. `file_size` is the file's bytes as sent, 0 if it was sent
    before files were kept.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="structures")
    chain = models.CharField(max_length=20)
    residues = models.PositiveIntegerField()
    aligned = models.PositiveIntegerField()
    identical = models.PositiveIntegerField()
    virtual = models.PositiveIntegerField(default=0, db_default=0)
    data = models.BinaryField()
    file_size = models.PositiveBigIntegerField(default=0, db_default=0)


class StructureBlock(models.Model):
    """A piece of a structure's file, compressed with zlib, with EXTERNAL storage."""

    structure = models.ForeignKey(Structure, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["structure", "number"], name="structure_block_once")]


class Annotation(Attachment):
    """Features of a protein, such as domains and active sites.

    `features` has start, end, name and kind of each, in the order of their start. Positions count from 1 in the
    sequence. `notes` lists what was changed in the file, or left out.
    """

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="annotations")
    features = models.JSONField()
    notes = models.JSONField(default=list, db_default=[])
