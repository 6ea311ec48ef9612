"""Every route as another user, without a login, and with revoked or expired tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from jobs.accounts.tokens import token_create, token_revoke
from jobs.models import ApiToken, Job
from tests.helpers import client_of
from tests.web.rosalind import SECRETS, addresses, ask, objects_of
from tests.web.routes import (
    API,
    API_ADMIN,
    API_OBJECT,
    BOARD,
    BODIES,
    CLASSES,
    JOIN,
    LINK,
    OBJECT_QUERIES,
    PAGE,
    PAGE_ADMIN,
    PAGE_FORM,
    PAGE_OBJECT,
    PUBLIC,
    QUERIES,
    STAFF,
    Route,
    routes,
)

pytestmark = pytest.mark.django_db

ROUTES = routes()
BEHIND_LOGIN = (API, API_OBJECT, API_ADMIN, JOIN, PAGE, PAGE_OBJECT, PAGE_FORM, PAGE_ADMIN, STAFF)


def by_kind(*kinds: str) -> list[object]:
    return [pytest.param(route, id=route.name) for route in ROUTES if route.kind in kinds]


def test_every_route_is_classified_and_no_class_is_left_over():
    named = {route.name for route in ROUTES if not route.path.startswith("/admin/")}
    assert sorted(named - set(CLASSES)) == [], "say in tests/web/routes.py who may have these routes"
    assert sorted(set(CLASSES) - named) == [], "these routes are gone"
    assert sorted({*QUERIES, *OBJECT_QUERIES, *BODIES} - named) == []
    assert any(route.name == "admin:auth_user_change" for route in ROUTES), "the walk has lost the admin"


@pytest.fixture(scope="module")
def things(module_db) -> Iterator[dict[str, object]]:
    person = User.objects.create_user("rosalind", password="a long password 51")
    with pytest.MonkeyPatch.context() as patch:
        yield objects_of(client_of(person), person, patch)


@pytest.fixture
def person(db, things) -> User:
    return User.objects.get(username="rosalind")


def everything() -> list[tuple[str, str]]:
    """Return all rows of the service and of its users in one query, so that any change shows."""
    tables = [model._meta.db_table for model in (*apps.get_app_config("jobs").get_models(), User)]
    rows = [f"SELECT '{table}', one::text FROM {table} AS one" for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(rows)} ORDER BY 1, 2")
        return cursor.fetchall()


def content(response) -> str:
    """Return the whole body. A stream is read to its end, which closes it."""
    whole = b"".join(response.streaming_content) if response.streaming else response.content
    return whole.decode(errors="replace")


def is_refused(response, statuses: tuple[int, ...]) -> None:
    """Check the status, and that nothing of Rosalind's is in the answer unless it was in the address."""
    text = content(response)
    assert response.status_code in statuses, (response.status_code, text[:300])
    assert not [secret for secret in SECRETS if secret in text and secret not in response.wsgi_request.path]


@pytest.fixture
def james(stranger) -> tuple[Client, str]:
    """Return another user's browser and token. The token was just used, so that its use writes nothing."""
    token = token_create(owner=stranger, name="his", days=None)
    ApiToken.objects.filter(user=stranger).update(last_used=timezone.now())
    client = Client()
    client.force_login(stranger)
    return client, token


@pytest.fixture
def dead_tokens(person) -> dict[str, str]:
    """Return keys that are revoked, expired, made up, or of a closed account."""
    revoked = token_create(owner=person, name="revoked", days=None)
    digest = ApiToken.objects.get(name="revoked").digest
    assert token_revoke(owner=person, digest=digest)
    expired = token_create(owner=person, name="expired", days=1)
    ApiToken.objects.filter(name="expired").update(expiry=timezone.now() - timedelta(seconds=1))
    closed = User.objects.create_user("closed", is_staff=True, is_superuser=True)
    theirs = token_create(owner=closed, name="closed", days=None)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    return {"revoked": revoked, "expired": expired, "of a closed account": theirs, "made up": "0" * 64, "empty": ""}


@pytest.mark.slow
@pytest.mark.parametrize("route", by_kind(API_OBJECT, PAGE_OBJECT, PAGE_FORM))
def test_another_users_object_is_not_there(route, things, james, person):
    browser, token = james
    before = everything()
    for path in addresses(route, things):
        answers = []
        for method in route.methods:
            clients = [(browser, None), (Client(), token)] if route.cls is not None else [(browser, None)]
            for client, key in clients:
                response = ask(client, method, path, route, key)
                answers.append(response.status_code)
                allowed = (302, 405) if route.kind == PAGE_FORM else (404, 405)
                is_refused(response, allowed)
                if route.cls is not None and method not in ("HEAD", "OPTIONS"):
                    assert response.status_code == 404, (method, response.status_code)
        assert 404 in answers or (route.kind == PAGE_FORM and 302 in answers), "no method looked for the object"
    assert everything() == before, "somebody else's request changed something"
    the_owner_has_it(route, things, person)


def the_owner_has_it(route: Route, things: dict[str, object], person: User) -> None:
    """Check that the owner can use the same addresses, so that a refusal is not caused by a wrong address."""
    browser = Client()
    browser.force_login(person)
    for path in reversed(addresses(route, things)):
        found = []
        for method in route.methods:
            if method == "DELETE" and "?" in path:
                continue  # the address without a query, which comes last, is the one to delete
            response = ask(browser, method, path, route)
            content(response)
            found.append(response.status_code)
            if method == "POST" and route.cls is None:
                break  # a form that deletes leaves nothing for what comes after it
        assert not {401, 403, 404} & set(found), found
        assert any(status < 400 or status in (400, 409) for status in found), found


@pytest.mark.parametrize("route", by_kind(JOIN, API_ADMIN, PAGE_ADMIN))
def test_wrong_links_and_pages_of_administrators_are_not_there(route, things, james, person):
    owner = Client()
    owner.force_login(person)
    before = everything()
    for path in addresses(route, things):
        for client in (james[0], owner):
            for method in route.methods:
                response = ask(client, method, path, route)
                is_refused(response, (404, 405))
    assert everything() == before


@pytest.mark.parametrize("name", OBJECT_QUERIES)
def test_another_users_object_in_a_query_is_not_there(name, things, james, person):
    (route,) = [route for route in ROUTES if route.name == name]
    owner = Client()
    owner.force_login(person)
    for query in OBJECT_QUERIES[name]:
        path = f"{route.path}?{query.format(**things)}"
        is_refused(james[0].get(path), (404,))
        assert owner.get(path).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("route", by_kind(API, PAGE))
def test_lists_show_and_change_only_what_is_ones_own(route, things, james):
    browser, token = james
    before = everything()
    for path in addresses(route, things):
        for method in [method for method in route.methods if method in ("GET", "HEAD")]:
            # A form over several jobs has no page of its own, and GET leads back to the list.
            is_refused(ask(browser, method, path, route), (302,) if route.name == "job-bulk" else (200, 405))
            if route.cls is not None:
                is_refused(ask(Client(), method, path, route, token), (200, 405))
    assert everything() == before


@pytest.mark.slow
@pytest.mark.parametrize("route", by_kind(API, API_OBJECT, API_ADMIN))
def test_nobody_and_dead_tokens_get_nothing_from_the_interface(route, things, dead_tokens):
    before = everything()
    for path in addresses(route, things):
        for method in route.methods:
            for token in (None, *dead_tokens.values()):
                response = ask(Client(), method, path, route, token)
                is_refused(response, (401,))
                assert response["WWW-Authenticate"].startswith("Token")
    assert everything() == before


@pytest.mark.slow
@pytest.mark.parametrize("route", by_kind(PAGE, PAGE_OBJECT, PAGE_FORM, PAGE_ADMIN, BOARD))
def test_pages_lead_nobody_anywhere_but_to_the_login(route, things, dead_tokens):
    living = token_create(owner=User.objects.get(username="rosalind"), name="living", days=None)
    before = everything()
    for path in addresses(route, things):
        for method in route.methods:
            for token in (None, living, *dead_tokens.values()):
                response = ask(Client(), method, path, route, token)
                is_refused(response, (302,))
                assert response["Location"].startswith("/login/?next=")
    assert everything() == before, "a token opens no page"


@pytest.mark.parametrize("route", by_kind(BOARD))
def test_pages_of_administrators_are_not_there_for_others(route, things, james):
    before = everything()
    for path in addresses(route, things):
        for method in route.methods:
            is_refused(ask(james[0], method, path, route), (404,))
    assert everything() == before


@pytest.mark.slow
@pytest.mark.parametrize("route", by_kind(STAFF))
def test_the_admin_is_for_staff_only(route, things, james, dead_tokens):
    browser, token = james
    before = everything()
    for path in addresses(route, things):
        for method in route.methods:
            for client, key in [
                (Client(), None),
                (browser, None),
                (Client(), token),
                (Client(), dead_tokens["revoked"]),
            ]:
                response = ask(client, method, path, route, key)
                is_refused(response, (301, 302))
                assert response["Location"].startswith(("/admin/", "/accounts/login/", "/login/"))
                if response.status_code == 301:
                    assert response["Location"].rstrip("/") == path.rstrip("/"), "only the slash is added"
    assert everything() == before


@pytest.mark.parametrize("route", by_kind(LINK))
def test_a_wrong_public_link_opens_nothing_for_anybody(route, things, james, person):
    owner = Client()
    owner.force_login(person)
    for client in (Client(), james[0], owner):
        for path in addresses(route, things):
            response = client.get(path)
            is_refused(response, (404,))
            assert response["Referrer-Policy"] == "no-referrer"


@pytest.mark.slow
@pytest.mark.parametrize("route", by_kind(PUBLIC))
def test_what_is_public_tells_nothing_of_anybody(route, things, james, dead_tokens):
    before = everything()
    for path in addresses(route, things):
        for method in route.methods:
            for client, key in [(Client(), None), (james[0], None), (Client(), dead_tokens["revoked"])]:
                is_refused(ask(client, method, path, route, key), (200, 301, 302, 405, 503))
    assert everything() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "route", by_kind(API, API_OBJECT, API_ADMIN, JOIN, PAGE, PAGE_OBJECT, PAGE_FORM, PAGE_ADMIN, BOARD, STAFF)
)
def test_a_foreign_site_cannot_use_somebodys_session(route, things):
    """A form on another site sends the cookie, but not the token of the form."""
    superuser = User.objects.create_superuser("root")
    Job.objects.update(owner=superuser)
    ApiToken.objects.filter(name="rosalinds-laptop").update(user=superuser)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(superuser)
    before = everything()
    for path in addresses(route, things):
        for method in [method for method in route.methods if method in ("POST", "PUT", "PATCH", "DELETE")]:
            response = ask(browser, method, path, route)
            assert response.status_code in (301, 403, 405), (method, response.status_code)
    assert everything() == before
