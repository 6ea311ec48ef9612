"""Sharing of projects: members, the link for colleagues, and the hand-over to another owner."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.models import Project, ProjectMember
from jobs.models.projects import Role
from jobs.parsing.letters import storable
from jobs.projects.limits import MAX_MEMBERS


def user_named(name: Any, *, path: str = "user") -> User:
    """Return the active user of this name. Raises InvalidInput `no_such_user`."""
    found = User.objects.filter(username=storable(name), is_active=True).first() if isinstance(name, str) else None
    if found is None:
        what = f"there is no user {str(name)[:60]!r}"
        raise InvalidInput.one("no_such_user", what, "Ask your colleague for the user name.", path=path)
    return found


def member_set(project: Project, user: User, role: Role, *, by_link: bool = False) -> ProjectMember:
    """Let a user in, or change the role of a member. Raises Conflict `too_many_members`, `is_the_owner`."""
    if user.pk == project.owner_id:
        raise Conflict(f"{user.get_username()} owns this project", code="is_the_owner")
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)  # concurrent requests are counted one after the other
        members = ProjectMember.objects.filter(project=project)
        if not members.filter(user=user).exists() and members.count() >= MAX_MEMBERS:
            raise Conflict(f"a project has at most {MAX_MEMBERS} members", code="too_many_members")
        made, _ = members.update_or_create(
            project=project, user=user, defaults={"role": role}, create_defaults={"role": role, "by_link": by_link}
        )
    return made


def member_remove(project: Project, username: str) -> None:
    """Take a member's access. What the member submitted stays in the project. Raises NotFound."""
    gone, _ = ProjectMember.objects.filter(project=project, user__username=storable(username)).delete()
    if not gone:
        raise NotFound(f"{username[:60]!r} is no member of this project")


def link_make(project: Project) -> str:
    """Return the token of a new link, which ends an earlier one. Only its digest is stored."""
    token = secrets.token_urlsafe(24)
    Project.objects.filter(pk=project.pk).update(link_digest=_digest(token))
    return token


def link_revoke(project: Project) -> None:
    """End the link. Those who have opened it stay members until they are removed."""
    Project.objects.filter(pk=project.pk).update(link_digest=None)


def linked_project(token: Any) -> Project:
    """Return the project of a link. Raises NotFound `no_such_link`."""
    found = None
    if isinstance(token, str) and len(token) <= 100:
        found = Project.objects.filter(link_digest=_digest(token), deleted_at__isnull=True).first()
    if found is None:
        raise NotFound("this link leads nowhere: it is wrong, or was revoked", code="no_such_link")
    return found


def project_join(*, user: User, token: Any) -> Project:
    """Make the user a viewer by the link; members keep their role. Raises NotFound `no_such_link`."""
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=linked_project(token).pk)
        if project.link_digest != _digest(token) or project.deleted_at is not None:  # revoked meanwhile
            raise NotFound("this link leads nowhere: it is wrong, or was revoked", code="no_such_link")
        if project.owner_id != user.pk and not ProjectMember.objects.filter(project=project, user=user).exists():
            member_set(project, user, Role.VIEW, by_link=True)
    return project


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
