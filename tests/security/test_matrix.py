"""Every route with every method in every role: what each gets, as a table. A route or method without a line fails.

`tests/web/test_routes.py` asks the same routes in more ways, and checks that nothing of others is shown or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client

from jobs.accounts.tokens import token_create
from tests.web.rosalind import addresses, ask, objects_of
from tests.web.routes import API, API_OBJECT, BOARD, PAGE, PAGE_FORM, PAGE_OBJECT, PUBLIC, STAFF, Route, routes

pytestmark = pytest.mark.django_db

EVERY = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OF_ADMIN = ("GET", "POST", "DELETE")
"""The admin's pages refuse by the role alone, so fewer methods are asked."""

METHODS = {
    "GET": """
        livez readyz metrics openapi openapi-docs help help-page help-picture
        job-events job-items job-item job-results job-artefact job-ledger job-manifest job-structure-file
        job-bad-records
        database-list usage request-schema webhook-deliveries
        job-list-page job-page item-list-page item-page item-table item-workbook variants-page
        variants-table variants-workbook assay-page likelihoods-page likelihoods-table likelihoods-book
        neighbours-page map-page service-page quota-page usage-page usage-table usage-accounts
        notices-news
        alignment-summary alignment-a3m alignment-fasta basket-csv basket-fasta
        comparison-page comparison-csv job-comparison
    """,
    "POST": """
        job-cancel job-pause job-resume job-keep job-extend job-retry job-neighbours job-analysis-cancel
        alignment-sample search-cancel estimate synchronous job-new-cost
    """,
    "GET POST": """
        job-list job-analyses job-columns job-assays job-structures alignment-list search-list context-list webhook-list
        job-new-page job-act contexts-page context-set-page alignment-page search-page structure-upload
        assay-list-page attachment-remove map-act picks-act tokens-page token-revoke webhooks-page webhook-act logout
        operations-page operations-act notices-page basket-page
    """,
    "GET PATCH DELETE": "job-detail webhook-detail",
    "GET DELETE": "job-analysis job-column job-assay job-structure alignment-detail search-detail context-detail",
    "GET OPTIONS POST PUT": "login password_change",
    # A redirect to a static file.
    "GET OPTIONS POST PUT PATCH DELETE": "favicon",
}
"""The methods of each route outside the admin, which is the same for all of them. HEAD goes with GET."""
METHODS_OF = {name: set(methods.split()) for methods, names in METHODS.items() for name in names.split()}

SERVED = {200, 201, 202, 204, 302, 400, 409, 415}
"""What those get who may use a route: also refusals of the empty bodies that are sent here."""
NO_LOGIN, NOT_THERE, TO_LOGIN, NO_METHOD = {401}, {404}, {302}, {405}
ADMIN = {200, 301, 302, 400, 403, 404, 405}
"""Of the admin's pages for a superuser: 403 where rows are only read, 404 for names that are no table."""

TABLE = {
    # what a route is for: outsiders, other users, other users' tokens, owner, owner's token, superuser
    PUBLIC: ({200, 301, 302, 503},) * 6,
    API: (NO_LOGIN, SERVED | {503}, SERVED | {503}, SERVED | {503}, SERVED | {503}, SERVED | {503}),
    API_OBJECT: (NO_LOGIN, NOT_THERE, NOT_THERE, SERVED, SERVED, NOT_THERE),
    PAGE: (TO_LOGIN, SERVED | NOT_THERE, TO_LOGIN, SERVED | NOT_THERE, TO_LOGIN, SERVED | NOT_THERE),
    PAGE_OBJECT: (TO_LOGIN, NOT_THERE, TO_LOGIN, SERVED, TO_LOGIN, NOT_THERE),
    PAGE_FORM: (TO_LOGIN, TO_LOGIN, TO_LOGIN, TO_LOGIN, TO_LOGIN, TO_LOGIN),
    BOARD: (TO_LOGIN, NOT_THERE, TO_LOGIN, NOT_THERE, TO_LOGIN, SERVED),
    STAFF: (TO_LOGIN, TO_LOGIN, TO_LOGIN, TO_LOGIN, TO_LOGIN, ADMIN),
}
"""503: the test has no worker. 404 of a page: a form about something that does not exist."""
COLUMN = {
    "anonymous": 0,
    "wrong token": 0,
    "deactivated": 0,
    "deactivated user's token": 0,
    "other user": 1,
    "staff": 1,
    "other user's token": 2,
    "owner": 3,
    "owner's token": 4,
    "superuser": 5,
}
TOKENS = {role for role in COLUMN if "token" in role}


def test_every_route_and_method_has_a_line():
    named = {route.name: route for route in routes() if not route.path.startswith("/admin/")}
    assert sorted(set(named) ^ set(METHODS_OF)) == []
    assert len(METHODS_OF) == sum(len(names.split()) for names in METHODS.values()), "a route has two lines"
    assert {route.kind for route in routes()} == set(TABLE)
    for route in named.values():
        if route.cls is not None and route.kind != PUBLIC:
            has = {method for method in EVERY if hasattr(route.cls, method.lower())} - {"HEAD", "OPTIONS"}
            assert has == METHODS_OF[route.name], route.name


def expected(route: Route, role: str, method: str) -> set[int]:
    """Return the statuses that the table allows."""
    found = TABLE[route.kind][COLUMN[role]]
    if route.kind == STAFF or (route.kind == BOARD and role != "superuser"):
        return found
    known = METHODS_OF.get(route.name, set(EVERY))
    if method in known or (method == "HEAD" and "GET" in known) or route.path.startswith("/admin/"):
        return found | (NO_METHOD if route.path.startswith("/admin/") else set())
    # Who is not let in does not learn which methods a route has. A token opens no page.
    let_in = route.kind == PUBLIC or (COLUMN[role] != 0 and (route.cls is not None or role not in TOKENS))
    return NO_METHOD if let_in else found


@pytest.fixture
def things(api, person, monkeypatch) -> dict[str, object]:
    return objects_of(api, person, monkeypatch)


@pytest.fixture
def clients(person, stranger) -> Iterator[Callable[[str], tuple[Client, str | None]]]:
    """Return a function that makes the client and the token of a role."""
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    root = User.objects.create_superuser("root")
    gone = User.objects.create_user("gone")
    users = {"owner": person, "other user": stranger, "staff": staff, "superuser": root, "deactivated": gone}
    tokens = {"wrong token": "0" * 64}
    for role, user in (("owner's", person), ("other user's", stranger), ("deactivated user's", gone)):
        tokens[f"{role} token"] = token_create(owner=user, name="x", days=None)

    def client_of(role: str) -> tuple[Client, str | None]:
        client = Client(raise_request_exception=False)
        if role in users:
            User.objects.filter(pk=gone.pk).update(is_active=True)
            client.force_login(users[role])
        User.objects.filter(pk=gone.pk).update(is_active=False)
        return client, tokens.get(role)

    return client_of


@pytest.mark.parametrize("role", COLUMN)
def test_each_role_gets_what_the_table_says(role, things, clients):
    wrong: list[str] = []
    client, token = clients(role)
    for route in routes():
        path = addresses(route, things)[0]
        for method in OF_ADMIN if route.kind == STAFF else EVERY:
            before = transaction.savepoint()
            answer = ask(client, method, path, route, token)
            if answer.streaming:
                b"".join(answer.streaming_content)
            transaction.savepoint_rollback(before)
            if answer.status_code not in expected(route, role, method):
                wrong.append(f"{method} {route.name} ({route.kind}): {answer.status_code}")
            if "logout" in route.name:
                client, token = clients(role)
    assert not wrong, wrong
