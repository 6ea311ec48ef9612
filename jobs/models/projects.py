"""Projects: folders of one protein or library, which several people may share."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

UNDO_DAYS = 14
"""Days in which a deleted project can be restored."""


class Role(models.TextChoices):
    """What a member of a project may do: read and download, or also add, move and cancel."""

    VIEW = "view"
    EDIT = "edit"


class Project(models.Model):
    """A folder of jobs, alignments, context sets and campaigns.

    What belongs to a job, such as an assay, is in its project.

    `notes` are Markdown. `link_digest` is the SHA-256 of the token of the link that makes its reader a viewer. A
    project with `deleted_at` is hidden from everybody but its owner, who can restore it until it is purged.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, default="", blank=True)
    notes = models.TextField(default="", blank=True)
    link_digest = models.CharField(max_length=64, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="project_by_owner"),
            # The purge reads deleted projects, which are few.
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="project_deleted"),
        ]

    @property
    def restorable_until(self) -> datetime | None:
        """When a deleted project is purged, None for others."""
        return None if self.deleted_at is None else self.deleted_at + timedelta(days=UNDO_DAYS)


class ProjectMember(models.Model):
    """A user whom the owner of a project lets in. `by_link`: the user opened the project's link."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=4, choices=Role.choices, default=Role.VIEW)
    by_link = models.BooleanField(default=False)
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="project_member_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="project_role_known"),
        ]
