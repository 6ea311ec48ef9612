"""Bodies of the REST interface about degenerate-codon libraries."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.campaigns.libraries import SCHEME_NAMES
from jobs.web.rest.fields import Rows, Shape


class LibraryRequest(Shape):
    sites = s.ListField(child=s.CharField(), help_text="Residues in the campaign's numbering, as numbers or labels.")
    scheme = s.ChoiceField(SCHEME_NAMES, required=False, help_text="NNK by default.")
    wanted = s.JSONField(
        required=False, help_text='Residues that must be coded for: "AVLI" at all sites, or {"104": "AVLI"}.'
    )
    budget = s.IntegerField(required=False, min_value=1, help_text="Clones that you can screen.")


class LibraryClones(Shape):
    confidence = s.FloatField()
    one_member = s.IntegerField(help_text="After which a given member is there, with this confidence.")
    all_members = s.IntegerField(help_text="After which all members are there.")


class LibrarySite(Shape):
    site = s.CharField()
    sequential = s.IntegerField(help_text="The position, from 1.")
    residue = s.CharField()
    base = s.IntegerField(help_text="The first base of the codon in the coding sequence, from 1.")
    codon = s.CharField(allow_null=True, help_text="The parent's codon.")
    scheme = s.CharField()
    degenerate = s.ListField(child=s.CharField())
    codons = s.IntegerField()
    residues = s.DictField(child=s.IntegerField(), help_text="Codons of each residue.")
    stops = s.IntegerField()
    clones_for_all_residues = s.IntegerField(help_text="Of this site alone.")
    rare = s.ListField(child=s.CharField(), help_text="Codons that the host uses for less than 10 % of their residue.")


class LibraryBody(Shape):
    n = s.IntegerField(help_text="Members.")
    members = s.IntegerField(help_text="DNA members; all are equally frequent.")
    proteins = s.IntegerField(help_text="Proteins without a stop, the parent's residues included.")
    without_stop = s.FloatField(help_text="The share of members without a stop codon.")
    clones = LibraryClones()
    sites = LibrarySite(many=True)
    mutations = s.ListField(child=s.CharField(), help_text="For `combinations` of predictions and proposals.")
    digest = s.CharField()
    rows = Rows(child=s.DictField(), help_text="The synthesis order: a row for each sequence of the mixture.")
