"""Pages of the sharing of projects: members, the link of an invitation, and the hand-over by an administrator."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from jobs.errors import ServiceError
from jobs.library.sharing import Right, project_of, projects_open_to
from jobs.models import Project
from jobs.parsing.letters import storable
from jobs.projects.checks import checked_role
from jobs.projects.handover import project_any, project_hand_over
from jobs.projects.members import (
    link_make,
    link_revoke,
    linked_project,
    member_remove,
    member_set,
    project_join,
    user_named,
)
from jobs.projects.pages import project_answer
from jobs.projects.selectors import counted, project_shown
from jobs.web.access import page, user_of

LINKING = ("link", "relink")
"""Buttons that make a link. The second ends an earlier one, and asks first."""


@page
@require_POST
def project_share(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Let a user in, change a role, take access, leave, or make and revoke the link. Only the answer shows a link."""
    act, user = request.POST.get("do", ""), user_of(request)
    if act == "leave":
        project = project_of(user, project_id)
        member_remove(project, user.get_username())
        messages.add_message(request, messages.SUCCESS, f"You have left {project.name}.", "notice")
        return redirect("projects-page")
    project = project_of(user, project_id, Right.OWN)
    try:
        said = _shared(request, project, act)
    except ServiceError as error:
        messages.add_message(request, messages.ERROR, error.sentence, "problem")
        return redirect("project-page", project_id)
    if act in LINKING:
        link = request.build_absolute_uri(reverse("project-join-page", args=[said]))
        return project_answer(request, project_shown(user, project_id), {"link": link})
    if said:
        messages.add_message(request, messages.SUCCESS, said, "notice")
    return redirect("project-page", project_id)


def _shared(request: HttpRequest, project: Project, act: str) -> str:
    """Do what a button means, and return a sentence about it, or the token of a new link. Raises ServiceError."""
    name = request.POST.get("user", "").strip()
    match act:
        case "share":
            member = member_set(project, user_named(name), checked_role(request.POST.get("role", "view")))
            return f"{name} may {'edit' if member.role == 'edit' else 'read'} this project."
        case "unshare":
            member_remove(project, name)
            return f"{name} no longer sees this project."
        case "link" | "relink":
            return link_make(project)
        case "unlink":
            link_revoke(project)
            return "The link is revoked. Those who have opened it stay members until you remove them."
    return ""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def project_join_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link opens, and join by a POST: following a link changes nothing."""
    project = linked_project(token)
    if request.method == "POST":
        try:
            joined = project_join(user=user_of(request), token=token)
        except ServiceError as error:
            messages.add_message(request, messages.ERROR, error.sentence, "problem")
            return redirect("projects-page")
        return redirect("project-page", joined.pk)
    if projects_open_to(user_of(request)).filter(pk=project.pk).exists():
        return redirect("project-page", project.pk)
    return render(request, "jobs/projects/join.html", {"project": project})


@page
@require_http_methods(["GET", "HEAD", "POST"])
def hand_over_page(request: HttpRequest) -> HttpResponse:
    """Let an administrator give the projects of a user who leaves to another."""
    if not user_of(request).is_superuser:
        raise Http404("this page is for administrators")
    context: dict[str, Any] = {"leaving": request.GET.get("user", "").strip()[:150]}
    if request.method == "POST":
        context["leaving"] = request.POST.get("user", "").strip()[:150]
        try:
            project = project_any(UUID(request.POST.get("project", "")))
            new = user_named(request.POST.get("to", "").strip(), path="to")
            project_hand_over(project, to=new)
        except ValueError:
            context["problem"] = "Choose a project."
        except ServiceError as error:
            context["problem"] = error.sentence
        else:
            said = f"{project.name} belongs to {new.get_username()} now."
            messages.add_message(request, messages.SUCCESS, said, "notice")
    if context["leaving"]:
        found = Project.objects.filter(owner__username=storable(context["leaving"]), deleted_at__isnull=True)
        context["projects"] = counted(found).order_by("name")
    return render(request, "jobs/projects/hand_over.html", context, status=400 if "problem" in context else 200)
