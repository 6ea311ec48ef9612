"""Django's admin: users with quotas and use, jobs, workers to drain, queues."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from jobs.accounts.users import user_activate, user_deactivate
from jobs.errors import ServiceError
from jobs.fleet.workers import worker_drain
from jobs.models import CostCentre, Job, Quota, Worker
from jobs.operations import queues as fleet
from jobs.operations.leaving import user_delete
from jobs.quotas import usage
from jobs.quotas.rules import Amounts
from jobs.templatetags.moments import size


class QuotaInline(admin.StackedInline):  # type: ignore[type-arg]
    """The user's own limits. An empty field means the service's limit."""

    model = Quota
    can_delete = False
    verbose_name_plural = "quota (empty: as the service; 0: no limit)"


class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """Users with what they have in use."""

    inlines = [QuotaInline]
    list_display = ["username", "is_active", "is_staff", "active_jobs", "queued_tokens", "stored", "last_login"]
    list_per_page = 25
    filter_horizontal = ()  # Django's two boxes use inline styles and lack accessible names.
    readonly_fields = ["last_login", "date_joined"]
    actions = ["deactivate", "activate"]

    def get_urls(self) -> list[URLPattern]:
        own = path("<id>/deactivate/", self.admin_site.admin_view(self.deactivate_one), name="auth_user_deactivate")
        return [own, *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Django's own would load every row of the users' jobs to list them.
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Offer to deactivate a user who has jobs, or to delete all of them. Others are deleted as Django does it."""
        user = self.get_object(request, object_id)
        if user is None or not (jobs := Job.objects.filter(owner=user).count()):
            return super().delete_view(request, object_id, extra_context)
        if not self.has_delete_permission(request, user):
            raise PermissionDenied
        if request.method == "POST" and "with_jobs" in request.POST:
            if request.POST["with_jobs"] != user.get_username():
                self.message_user(request, "That is not the user's name. Nothing is deleted.", messages.ERROR)
            elif self._delete_with_jobs(request, user):
                return redirect("admin:auth_user_changelist")
        context = {**self.admin_site.each_context(request), "title": "Delete user", "object": user, "jobs": jobs}
        return TemplateResponse(request, "admin/user_has_jobs.html", context)

    def _delete_with_jobs(self, request: HttpRequest, user: User) -> bool:
        """Delete a user and all jobs; return False, with a message, if the user has to stay."""
        try:
            user_deactivate(user=user)
        except ServiceError as error:
            self.message_user(request, f"{error.detail}.", messages.ERROR)
            return False
        name = user.get_username()
        self.log_deletions(request, User.objects.filter(pk=user.pk))  # before the object is gone
        gone = user_delete(user=user)
        jobs = f"{gone:,} job{'' if gone == 1 else 's'}"
        self.message_user(request, f"The user {name} is deleted, with {jobs} and all results.", messages.SUCCESS)
        return True

    def deactivate_one(self, request: HttpRequest, id: str) -> HttpResponse:
        """Deactivate a user from the page that cannot delete the user."""
        user = self.get_object(request, id)
        if request.method != "POST" or user is None or not self.has_change_permission(request, user):
            raise PermissionDenied
        self.deactivate(request, User.objects.filter(pk=user.pk))
        return redirect("admin:auth_user_change", user.pk)

    @admin.action(description="Deactivate: refuse them and pause their work", permissions=["change"])
    def deactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            try:
                user_deactivate(user=user)
            except ServiceError as error:
                self.message_user(request, f"{error.detail}.", messages.ERROR)
                continue
            self.log_change(request, user, "deactivated")
            self.message_user(request, f"{user.get_username()} is deactivated. Nothing is deleted.", messages.SUCCESS)

    @admin.action(description="Activate: accept them and resume their work", permissions=["change"])
    def activate(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            user_activate(user=user)
            self.log_change(request, user, "activated")
            self.message_user(request, f"{user.get_username()} is active.", messages.SUCCESS)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> User | None:
        """Return a user with a row of quotas. A submission would make it between the page and its form."""
        # Django fails on an empty `_to_field` in the address.
        user: User | None = super().get_object(request, object_id, from_field or None)
        if user is not None:
            Quota.objects.bulk_create([Quota(user_id=user.pk)], ignore_conflicts=True)
        return user

    @admin.display(description="unfinished jobs")
    def active_jobs(self, user: User) -> str:
        return _of(self._use(user).active_jobs, self._limits(user).active_jobs)

    @admin.display(description="queued tokens")
    def queued_tokens(self, user: User) -> str:
        return _of(self._use(user).queued_tokens, self._limits(user).queued_tokens)

    @admin.display(description="storage")
    def stored(self, user: User) -> str:
        limit = self._limits(user).stored_bytes
        return size(self._use(user).stored_bytes) + (f" of {size(limit)}" if limit else "")

    def _use(self, user: User) -> Amounts:
        """Return the user's use, counted once per row of the list."""
        if not hasattr(user, "amounts_in_use"):
            setattr(user, "amounts_in_use", usage.use_of(user.pk))  # noqa: B010 - no field of the model
        return cast(Amounts, getattr(user, "amounts_in_use"))  # noqa: B009

    def _limits(self, user: User) -> Amounts:
        return usage.limits_of(user.pk)


def _of(used: int, limit: int) -> str:
    return f"{used:,} of {limit:,}" if limit else f"{used:,}"


class CostCentreInline(admin.StackedInline):  # type: ignore[type-arg]
    """The cost centre that the use of a group's members is charged to, and whether its own workers compute it."""

    model = CostCentre


class GroupAdmin(DjangoGroupAdmin):
    """Groups with their cost centres."""

    inlines = [CostCentreInline]
    filter_horizontal = ()  # as in UserAdmin


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only pages: only services change these rows."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # Django fails on an empty `_to_field` in the address.
        return super().get_object(request, object_id, from_field or None)


class JobAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "owner",
        "name",
        "model",
        "action",
        "state",
        "total_items",
        "storage",
        "created_at",
        "expires_at",
    ]
    list_filter = ["state", "model", "action", "interactive"]
    search_fields = ["=id", "owner__username", "name"]
    list_select_related = ["owner"]
    list_per_page = 50
    ordering = ["-created_at"]

    @admin.display(description="storage", ordering="stored_bytes")
    def storage(self, job: Job) -> str:
        return size(job.stored_bytes)


class WorkerAdmin(ReadOnlyAdmin):
    """Workers, which can be drained before a deploy, and their queues."""

    list_display = ["name", "model", "cost_centre", "word", "leased", "rate", "heartbeat_at", "last_forward_at"]
    list_filter = ["model", ("cost_centre", admin.EmptyFieldListFilter), "state", "draining"]
    actions = ["drain", "undrain"]

    def get_urls(self) -> list[URLPattern]:
        own = path("queues/", self.admin_site.admin_view(self.queues), name="jobs_queues")
        return [own, *super().get_urls()]

    def has_drain_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.change_worker")

    @admin.display(description="state")
    def word(self, worker: Worker) -> str:
        return self._seen(worker).state if self._seen(worker) else worker.state

    @admin.display(description="tokens a second", ordering="tokens_per_second")
    def rate(self, worker: Worker) -> str:
        return f"{worker.tokens_per_second:,.0f}" if worker.tokens_per_second else ""

    @admin.display(description="current chunks")
    def leased(self, worker: Worker) -> int:
        return fleet.leased_by([worker.name]).get(worker.name, 0)

    def _seen(self, worker: Worker) -> Any:
        return next((seen for seen in fleet.workers_seen(worker.model) if seen.worker.name == worker.name), None)

    @admin.action(description="Drain: finish what is leased, take nothing more", permissions=["drain"])
    def drain(self, request: HttpRequest, chosen: QuerySet[Worker]) -> None:
        self._turn(request, chosen, draining=True)

    @admin.action(description="Take work again", permissions=["drain"])
    def undrain(self, request: HttpRequest, chosen: QuerySet[Worker]) -> None:
        self._turn(request, chosen, draining=False)

    def _turn(self, request: HttpRequest, chosen: QuerySet[Worker], *, draining: bool) -> None:
        for worker in chosen:
            worker_drain(name=worker.name, draining=draining)
            self.log_change(request, worker, "drain" if draining else "undrain")
        what = "finish what they have and take nothing more" if draining else "take work again"
        self.message_user(request, f"{len(chosen)} workers {what}.", messages.SUCCESS)

    def queues(self, request: HttpRequest) -> HttpResponse:
        """Show length, oldest message and tokens by owner of each model's queue."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "title": "Queues", "queues": fleet.queues()}
        return TemplateResponse(request, "admin/queues.html", context)


admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)
admin.site.register(User, UserAdmin)
admin.site.register(Job, JobAdmin)
admin.site.register(Worker, WorkerAdmin)
