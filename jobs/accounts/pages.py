"""What belongs to the person: API tokens and the password."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from jobs.accounts import tokens as service
from jobs.errors import ServiceError
from jobs.models import ApiToken
from jobs.web.access import page, sent_from, user_of

LIFETIMES: dict[str, tuple[str, int | None]] = {
    "90": ("90 days", 90),
    "365": ("a year", 365),
    "never": ("no end", None),
}

MAX_USER_NAME = 150
"""Characters of a user's name, as Django's column has it."""

MADE = "token_forms"
"""Forms of this session that made a token: a reload of the answer sends its form again."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The user's tokens, and a form for a new one. The answer to the form is the only page that shows the key."""
    context: dict[str, Any] = {"name": "", "life": "365", "form": uuid4().hex}
    status = 200
    sent = request.POST.get("form", "")
    made = request.session.get(MADE, [])
    if request.method == "POST" and sent in made:
        context["again"] = True
    elif request.method == "POST":
        context["name"] = request.POST.get("name", "")
        context["life"] = request.POST.get("life", "365")
        try:
            days = LIFETIMES.get(context["life"], LIFETIMES["365"])[1]
            context["key"] = service.token_create(owner=user_of(request), name=context["name"], days=days)
            context["base"] = request.build_absolute_uri("/").rstrip("/")
            request.session[MADE] = [*made, sent][-20:]
        except ServiceError as error:
            context["problem"], status = error, error.status_code
    context["tokens"] = ApiToken.objects.filter(user=user_of(request)).order_by("-created")
    context["lifetimes"] = [(name, text) for name, (text, _) in LIFETIMES.items()]
    context["now"] = timezone.now()
    return render(request, "jobs/accounts/tokens.html", context, status=status)


@page
@sent_from("tokens-page")
def token_revoke(request: HttpRequest, digest: str) -> HttpResponse:
    """End one of the user's tokens."""
    if service.token_revoke(owner=user_of(request), digest=digest):
        messages.add_message(request, messages.SUCCESS, "The token is revoked: nothing gets in with it now.", "notice")
    else:
        messages.add_message(request, messages.ERROR, "There is no such token; was it revoked already?", "problem")
    return redirect("tokens-page")


def name_tried(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The user name of an attempt, cut to what a name can be: anything may come in a form (called by django-axes)."""
    found = credentials.get("username") if credentials else request.POST.get("username")
    return str(found or "")[:MAX_USER_NAME]


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: Any) -> HttpResponse:
    """The answer to too many wrong passwords, whether there is such a user or not (called by django-axes)."""
    wait = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"form": AuthenticationForm(request), "locked_minutes": wait // 60}
    answer = render(request, "jobs/accounts/login.html", context, status=429)
    answer["Retry-After"] = str(wait)
    return answer


class Logout(LogoutView):
    """Ends the session by a form; whoever comes by address, such as from the history, is led to the list of jobs."""

    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("job-list-page")


class PasswordChange(PasswordChangeView):
    """Asks for the old password; other sessions of the user end."""

    template_name = "jobs/accounts/password.html"
    success_url = reverse_lazy("job-list-page")

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return page(sensitive_post_parameters()(super().as_view(**initkwargs)))

    def form_valid(self, form: Any) -> HttpResponse:
        messages.add_message(self.request, messages.SUCCESS, "Your password is changed.", "notice")
        return super().form_valid(form)
