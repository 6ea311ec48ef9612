"""Bodies of the REST interface about structures."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from jobs.web.rest.fields import Rows, Shape, Url


class StructureUpload(Shape):
    file = s.FileField(help_text="PDB or mmCIF, plain or gzip.")
    chain = s.CharField(required=False, help_text="If absent, the chain that suits the sequence best.")
    item = s.IntegerField(required=False, help_text="The item, counted from 0. If absent, the first.")


class FileUrl(Url):
    """The address of a structure's file, null if there is none."""

    def to_representation(self, value: Any) -> str | None:  # type: ignore[override]  # the base has no null
        return super().to_representation(value) if value.structure.file_size else None


class StructurePrecision(Shape):
    value = s.FloatField(allow_null=True)
    hits = s.IntegerField()
    pairs = s.IntegerField()
    contacts = s.IntegerField(help_text="Long-range contacts of the structure.")


class StructureBody(Shape):
    """A `jobs.contacts.services.Judged` structure."""

    id = s.IntegerField(source="structure.pk")
    url = Url("job-structure", "structure.job_id", "structure.pk")
    name = s.CharField(source="structure.name")
    sha256 = s.CharField(source="structure.sha256")
    item = s.IntegerField(source="structure.item_index")
    chain = s.CharField(source="structure.chain")
    resolved = s.IntegerField(source="structure.residues", help_text="Positions of the sequence that have coordinates.")
    aligned = s.IntegerField(source="structure.aligned")
    identical = s.IntegerField(source="structure.identical")
    virtual = s.IntegerField(
        source="structure.virtual",
        help_text="Residues without a side chain, whose C-beta atom was computed from N, C-alpha and C.",
    )
    file = FileUrl(
        "job-structure-file",
        "structure.job_id",
        "structure.pk",
        allow_null=True,
        help_text="The address of the file as it was sent; null if it was sent before files were kept.",
    )
    created_at = s.DateTimeField(source="structure.created_at")
    precision = StructurePrecision(
        allow_null=True, help_text="Long-range precision at L; null before the map is there."
    )


class StructureDetail(StructureBody):
    contacts = s.ListField(
        child=s.ListField(child=s.IntegerField(), min_length=2, max_length=2),
        help_text="Pairs of positions, from 1, with C-beta atoms less than 8 Angstrom apart.",
    )
    unresolved = s.ListField(child=s.IntegerField())


class StructurePage(Shape):
    results = StructureBody(many=True)


class StructureModel(Shape):
    """A `jobs.science.contacts.drawing.Drawn` chain. The lists have an entry for each of its residues."""

    pdb = s.CharField(help_text="The chain A with residues from 1, and small molecules as the chain L. No hydrogens.")
    positions = Rows(child=s.IntegerField(allow_null=True), help_text="In the sequence, from 1; null for a tag or so.")
    numbers = Rows(child=s.CharField(), help_text="The residues' numbers in the file.")
    letters = s.CharField()
    secondary = s.CharField(
        allow_blank=True, help_text="H for a helix, E for a strand, - for others; empty without a whole backbone."
    )
    ligands = Rows(child=s.CharField())
