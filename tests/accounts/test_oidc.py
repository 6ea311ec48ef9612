"""Sign-in by OpenID Connect at a real provider: who is let in, as whom, and who is not."""

from __future__ import annotations

import sys
import types
import urllib.request
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import path

from e1site import urls
from jobs.accounts import oidc
from jobs.models import CostCentre, OutsideLogin
from tests.accounts.provider import CLIENT, SECRET, Provider
from tests.helpers import text_of

pytestmark = pytest.mark.django_db


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture
def provider(settings, monkeypatch):
    provider = Provider()
    settings.E1_OIDC_ISSUER, settings.E1_OIDC_TITLE = provider.issuer, "the institute"
    settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET = CLIENT, SECRET
    settings.OIDC_RP_SIGN_ALGO, settings.OIDC_RP_SCOPES = "RS256", "openid profile email"
    settings.OIDC_USE_PKCE, settings.OIDC_TIMEOUT = True, 5
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "jobs.accounts.oidc.OidcBackend"]
    module = types.ModuleType("tests.accounts.oidc_urls")
    module.urlpatterns = [
        *urls.urlpatterns,
        path("oidc/begin/", oidc.Begin.as_view(), name="oidc_authentication_init"),
        path("oidc/callback/", oidc.Callback.as_view(), name="oidc_authentication_callback"),
    ]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.ROOT_URLCONF = module.__name__
    oidc._known.clear()
    yield provider
    provider.close()


def at_the_provider(address: str) -> str:
    """Follow a browser to the provider and return where it leads back to."""
    try:
        urllib.request.build_opener(NoRedirects, urllib.request.ProxyHandler({})).open(address)
    except HTTPError as answer:
        back = urlsplit(answer.headers["Location"])
        answer.close()
        return f"{back.path}?{back.query}"
    raise AssertionError("the provider does not redirect")


def sign_in(browser: Client, **query: str):
    begin = browser.get("/oidc/begin/", query)
    assert begin.status_code == 302
    return browser.get(at_the_provider(begin["Location"]), follow=True)


def test_a_person_gets_an_ordinary_account_on_the_first_sign_in_and_the_same_later(provider):
    provider.person |= {"is_superuser": True, "is_staff": True, "groups": ["admin"], "roles": ["superuser"]}
    answer = sign_in(Client())
    assert answer.context["user"].username == "barbara"
    user = User.objects.get()
    assert (user.email, user.is_superuser, user.is_staff, user.has_usable_password()) == (
        "barbara@example.org", False, False, False,
    )  # fmt: skip
    provider.person |= {"preferred_username": "another name", "email": "b@example.org"}
    assert sign_in(Client()).context["user"] == user
    user.refresh_from_db()
    assert (user.username, user.email) == ("barbara", "b@example.org")


def test_the_login_page_offers_it_and_leads_to_the_page_that_was_wanted(provider):
    browser = Client()
    assert "Log in with the institute" in text_of(browser.get("/login/"))
    answer = sign_in(browser, next="/account/usage/")
    assert answer.redirect_chain[-1][0] == "/account/usage/"


def test_without_it_nothing_is_offered_and_nothing_is_there(client):
    assert "Log in with" not in text_of(client.get("/login/"))
    assert client.get("/oidc/begin/").status_code == 404


def test_a_deactivated_user_stays_out(provider):
    sign_in(Client())
    User.objects.update(is_active=False)
    answer = sign_in(Client())
    assert not answer.context["user"].is_authenticated
    assert "This account is deactivated" in text_of(answer)


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("superuser", [False, True])
def test_an_existing_account_is_taken_over_only_if_that_is_configured_and_never_an_administrators(
    provider, settings, link, superuser
):
    settings.E1_OIDC_LINK = link
    User.objects.create_user("barbara", password="a long password 54", is_superuser=superuser)
    answer = sign_in(Client())
    assert answer.context["user"].is_authenticated == (link and not superuser)
    assert OutsideLogin.objects.exists() == (link and not superuser)
    if not link:
        assert "There is an account barbara here already" in text_of(answer)


def test_another_subject_with_the_same_address_is_another_person(provider):
    sign_in(Client())
    provider.person = {**provider.person, "sub": "4712", "preferred_username": "eve"}
    assert sign_in(Client()).context["user"].username == "eve"
    assert OutsideLogin.objects.count() == 2


@pytest.mark.parametrize(
    "twist",
    [
        {"aud": "another client"},
        {"iss": "https://evil.example.org"},
        {"nonce": "of another sign-in"},
        {"exp": 1},
        {"sub": "somebody else"},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(provider, twist):
    provider.twist = twist
    answer = sign_in(Client())
    assert not answer.context["user"].is_authenticated
    assert "The sign-in failed at the provider" in text_of(answer)
    assert not User.objects.exists()


def test_a_token_of_another_key_is_refused(provider):
    provider.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert not sign_in(Client()).context["user"].is_authenticated
    assert not User.objects.exists()


def test_a_callback_that_no_one_asked_for_is_refused(provider):
    browser = Client(raise_request_exception=False)
    begin = browser.get("/oidc/begin/")
    back = at_the_provider(begin["Location"])
    assert not Client().get(back, follow=True).context["user"].is_authenticated
    assert browser.get(back.replace("state=", "state=x")).status_code == 400
    assert browser.get(back, follow=True).context["user"].is_authenticated
    assert not User.objects.exclude(username="barbara").exists()


def test_a_name_that_no_account_can_have_is_told(provider):
    provider.person |= {"preferred_username": "two words"}
    answer = sign_in(Client())
    assert "which no account can have" in text_of(answer)
    assert not User.objects.exists()


def test_groups_with_a_cost_centre_follow_the_claim_and_others_do_not(provider, settings):
    settings.E1_OIDC_GROUPS = "groups"
    structural, plain = Group.objects.create(name="structural"), Group.objects.create(name="plain")
    CostCentre.objects.create(group=structural, code="K-1")
    provider.person |= {"groups": ["structural", "plain", "unknown"]}
    user = sign_in(Client()).context["user"]
    assert list(user.groups.all()) == [structural]
    user.groups.add(plain)
    provider.person |= {"groups": []}
    sign_in(Client())
    assert list(user.groups.all()) == [plain]


def test_a_provider_that_is_down_is_told_and_passwords_still_work(provider, settings):
    User.objects.create_user("rosalind", password="a long password 51")
    provider.server.shutdown()
    provider.server.server_close()
    settings.E1_OIDC_ISSUER = "http://127.0.0.1:1"
    browser = Client()
    assert "does not answer" in text_of(browser.get("/oidc/begin/", follow=True))
    answer = browser.post("/login/", {"username": "rosalind", "password": "a long password 51"}, follow=True)
    assert answer.context["user"].is_authenticated


def test_wrong_passwords_are_still_counted(provider):
    browser = Client()
    for _ in range(5):
        answer = browser.post("/login/", {"username": "nobody", "password": "wrong"})
    assert answer.status_code == 429
    assert sign_in(browser).context["user"].is_authenticated
