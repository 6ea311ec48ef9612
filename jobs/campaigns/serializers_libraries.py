"""Bodies of the REST interface about degenerate-codon libraries."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.campaigns.libraries import BUDGETS, MOST_BEST, SCHEME_NAMES
from jobs.web.rest.fields import Rows, Shape


class LibraryRequest(Shape):
    sites = s.ListField(child=s.CharField(), help_text="Residues in the campaign's numbering, as numbers or labels.")
    scheme = s.JSONField(
        required=False, help_text=f'{", ".join(SCHEME_NAMES)}: one for all sites, or {{"104": "NDT"}}. NNK by default.'
    )
    wanted = s.JSONField(
        required=False, help_text='Residues that must be coded for: "AVLI" at all sites, or {"104": "AVLI"}.'
    )
    best = s.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_BEST,
        help_text="At minimal sites without wanted residues: the parent's and so many best others by the prior.",
    )
    budget = s.IntegerField(required=False, min_value=1, help_text="Clones that you can screen, or members.")
    budget_of = s.ChoiceField(BUDGETS, required=False, help_text="What the budget counts: clones by default.")
    host = s.CharField(required=False, help_text="The host whose codons count, by default that of the campaign.")


class LibraryClones(Shape):
    confidence = s.FloatField()
    one_member = s.IntegerField(help_text="After which a given member is there, with this confidence.")
    all_members = s.IntegerField(help_text="After which all members are there.")


class LibraryCoverage(Shape):
    wells = s.IntegerField(help_text="Wells of a plate, each with one clone.")
    members = s.FloatField(help_text="The expected share of the members among its clones.")
    proteins = s.FloatField(help_text="The expected share of the proteins among its clones.")


class LibraryPrior(Shape):
    name = s.CharField()
    source = s.CharField()  # type: ignore[assignment]  # a field here, and an attribute of every field there
    mean = s.FloatField(help_text="Over clones without a stop. The parent's score is 0.")
    best = s.FloatField()
    best_variant = s.CharField()


class LibrarySite(Shape):
    site = s.CharField()
    sequential = s.IntegerField(help_text="The position, from 1.")
    residue = s.CharField()
    base = s.IntegerField(help_text="The first base of the codon in the coding sequence, from 1.")
    codon = s.CharField(allow_null=True, help_text="The parent's codon.")
    scheme = s.CharField()
    wanted = s.CharField(allow_null=True)
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
    redundancy = s.FloatField(help_text="DNA members without a stop for each protein.")
    clones = LibraryClones()
    library_coverage = LibraryCoverage(many=True)
    prior = LibraryPrior(help_text="Scores of the members by the best prior at hand.")
    sites = LibrarySite(many=True)
    mutations = s.ListField(child=s.CharField(), help_text="For `combinations` of predictions and proposals.")
    digest = s.CharField()
    rows = Rows(child=s.DictField(), help_text="The synthesis order: a row for each sequence of the mixture.")
