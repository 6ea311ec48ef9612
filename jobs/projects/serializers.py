"""Bodies of the REST interface about projects."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.models.projects import Role
from jobs.projects.limits import MAX_DESCRIPTION, MAX_NAME, MAX_NOTES
from jobs.web.rest.fields import ListPage, Shape, Url


class ProjectSummary(Shape):
    """A project as lists show it, with the numbers of `jobs.projects.selectors.counted`."""

    id = s.UUIDField()
    url = Url("project-detail", "pk")
    name = s.CharField()
    description = s.CharField()
    owner = s.CharField(source="owner.username")
    jobs = s.IntegerField(source="n_jobs")
    alignments = s.IntegerField(source="n_alignments")
    contexts = s.IntegerField(source="n_contexts", help_text="Context sets.")
    campaigns = s.IntegerField(source="n_campaigns")
    members = s.IntegerField(source="n_members", help_text="Without the owner.")
    created_at = s.DateTimeField()
    archived_at = s.DateTimeField(allow_null=True)
    deleted_at = s.DateTimeField(allow_null=True, help_text="Only its owner sees a deleted project.")
    restorable_until = s.DateTimeField(allow_null=True, help_text="When a deleted project is purged; null for others.")


class ProjectBody(ProjectSummary):
    notes = s.CharField(help_text="Markdown.")
    access = s.ChoiceField(["view", "edit", "own"], help_text="What you may do.")


class ProjectPage(ListPage):
    results = ProjectSummary(many=True)


class ProjectSubmission(Shape):
    name = s.CharField(max_length=MAX_NAME)
    description = s.CharField(max_length=MAX_DESCRIPTION, required=False, allow_blank=True)
    notes = s.CharField(max_length=MAX_NOTES, required=False, allow_blank=True, help_text="Markdown, without HTML.")


class ProjectChange(ProjectSubmission):
    name = s.CharField(max_length=MAX_NAME, required=False)
    archived = s.BooleanField(required=False, help_text="Archived projects are left out of lists.")


class ProjectThings(Shape):
    jobs = s.ListField(child=s.UUIDField(), required=False)
    alignments = s.ListField(child=s.UUIDField(), required=False)
    contexts = s.ListField(child=s.CharField(), required=False, help_text="Names of context sets.")
    campaigns = s.ListField(child=s.UUIDField(), required=False)


class MemberBody(Shape):
    user = s.CharField(source="user.username")
    role = s.ChoiceField(Role.choices, help_text="view: read and download. edit: also add, move and cancel.")
    by_link = s.BooleanField(help_text="Whether the user opened the project's link.")
    added_at = s.DateTimeField()


class MemberList(Shape):
    owner = s.CharField()
    results = MemberBody(many=True)


class MemberSubmission(Shape):
    user = s.CharField(help_text="A user name.")
    role = s.ChoiceField(Role.choices, required=False, help_text="view, unless you say edit.")


class LinkBody(Shape):
    url = s.CharField(help_text="A colleague with an account opens it to become a viewer. Only this answer shows it.")


class JoinRequest(Shape):
    token = s.CharField(help_text="The last part of the link.")


class HandOver(Shape):
    user = s.CharField(help_text="The user name of the new owner.")
