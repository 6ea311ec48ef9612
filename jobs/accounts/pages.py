"""Pages of a user's API tokens and password, and the hooks of django-axes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.core.exceptions import ValidationError
from django.forms import BooleanField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from jobs.accounts import tokens as service
from jobs.accounts.logins import REFUSED, password_is_right
from jobs.errors import ServiceError
from jobs.models import ApiToken
from jobs.web.access import own_machine, page, sent_from, user_of
from jobs.web.addresses import base_address
from jobs.web.errors import error_page

LIFETIMES: dict[str, tuple[str, int | None]] = {
    "90": ("90 days", 90),
    "365": ("a year", 365),
    "never": ("no end", None),
}

MADE = "token_forms"
"""Session key of the forms that made a token, because a reload sends a form again."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Show the user's tokens and a form for a new one. Only the answer to the form shows the key."""
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
            context["base"] = base_address(request)
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
    """Revoke one of the user's tokens."""
    if service.token_revoke(owner=user_of(request), digest=digest):
        messages.add_message(request, messages.SUCCESS, "Token revoked. It no longer works.", "notice")
    else:
        messages.add_message(request, messages.ERROR, "There is no such token; was it revoked already?", "problem")
    return redirect("tokens-page")


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: Any) -> HttpResponse:
    """Answer too many wrong passwords, whether or not the user exists. django-axes calls this."""
    wait = int(settings.AXES_COOLOFF_TIME.total_seconds())
    if request.user.is_authenticated:  # the old password of a change
        text = f"Too many wrong passwords. Wait {wait // 60} minutes and try again."
        answer = error_page(request, "Please wait", text, 429)
        answer["Retry-After"] = str(wait)
        return answer
    context = {"form": AuthenticationForm(request), "locked_minutes": wait // 60, "own_machine": own_machine(request)}
    answer = render(request, "jobs/accounts/login.html", context, status=429)
    answer["Retry-After"] = str(wait)
    return answer


def outside() -> str:
    """Return the name of the provider where people may sign in, empty without one."""
    return settings.E1_OIDC_TITLE if settings.E1_OIDC_ISSUER else ""


class LoginForm(AuthenticationForm):
    """Django's form, which says why a person with the right password of a directory is not let in."""

    def get_invalid_login_error(self) -> ValidationError:
        why = getattr(self.request, REFUSED, "")
        return ValidationError(why) if why else super().get_invalid_login_error()


class Login(LoginView):
    """The login form. Only on this machine it says where the first password is."""

    form_class = LoginForm
    template_name = "jobs/accounts/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        directory = settings.E1_LDAP_TITLE if settings.E1_LDAP_URL else ""
        context = {"own_machine": own_machine(self.request), "outside": outside(), "directory": directory}
        return super().get_context_data(**kwargs, **context)


class Logout(LogoutView):
    """The end of a session, by a form. GET redirects to the list of jobs."""

    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("job-list-page")


class PasswordForm(PasswordChangeForm):
    """Django's form, whose wrong old passwords count as failed logins, with the choice to revoke the tokens."""

    revoke = BooleanField(required=False)

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        old = str(self.cleaned_data["old_password"])
        if not password_is_right(self._request, self.user, old):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class PasswordChange(PasswordChangeView):
    """A change of password, which needs the old one and ends the user's other sessions."""

    form_class = PasswordForm
    template_name = "jobs/accounts/password.html"
    success_url = reverse_lazy("job-list-page")

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return page(sensitive_post_parameters()(super().as_view(**initkwargs)))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method in ("GET", "HEAD", "POST") and not user_of(request).has_usable_password():
            text = "Your account has no password in this service. Change it where you sign in from."
            messages.add_message(request, messages.ERROR, text, "problem")
            return redirect("job-list-page")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = ApiToken.objects.filter(user=user_of(self.request)).count()
        return super().get_context_data(**kwargs, tokens=found)

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        text = "Your password is changed, and other sessions have ended."
        if form.cleaned_data["revoke"]:
            gone = service.tokens_revoke(owner=user_of(self.request))
            text += f" {gone} API token{' is' if gone == 1 else 's are'} revoked."
        messages.add_message(self.request, messages.SUCCESS, text, "notice")
        return answer
