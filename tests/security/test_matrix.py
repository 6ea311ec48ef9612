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
from tests.web.routes import (
    API,
    API_ADMIN,
    API_OBJECT,
    BOARD,
    JOIN,
    LINK,
    PAGE,
    PAGE_ADMIN,
    PAGE_FORM,
    PAGE_OBJECT,
    PUBLIC,
    STAFF,
    Route,
    routes,
)

pytestmark = pytest.mark.django_db

EVERY = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OF_ADMIN = ("GET", "POST", "DELETE")
"""The admin's pages refuse by the role alone, so fewer methods are asked."""

METHODS = {
    "GET": """
        livez readyz metrics openapi openapi-docs help help-page help-picture
        job-events job-items job-item job-results job-artefact job-ledger job-manifest job-structure-file
        job-structure-model job-bad-records
        database-list usage request-schema webhook-deliveries
        job-list-page job-page item-list-page item-page item-table item-workbook variants-page
        variants-table variants-workbook assay-page likelihoods-page likelihoods-table likelihoods-book
        neighbours-page map-page service-page quota-page usage-page usage-table usage-accounts
        notices-news project-page
        alignment-summary alignment-a3m alignment-fasta basket-csv basket-fasta
        comparison-page comparison-csv job-comparison job-baselines job-assay-metrics scan-substitutions scan-workbook
        public-page public-download public-job public-job-download public-alignment public-assay public-structure
        public-campaign public-data public-measurements public-model public-round
        campaign-model campaign-rounds campaign-round campaign-export campaign-data-page
        campaign-prediction-file campaign-comparison campaign-comparison-page
    """,
    "POST": """
        job-cancel job-pause job-resume job-release job-keep job-extend job-retry job-neighbours job-analysis-cancel
        alignment-sample search-cancel estimate synchronous job-new-cost proteins
        project-restore project-add project-remove project-hand-over project-join project-act project-share
        campaign-proposals campaign-ordered campaign-measured campaign-import
        campaign-libraries campaign-prediction-cancel
    """,
    "GET POST": """
        job-list job-analyses job-columns job-assays job-structures alignment-list search-list context-list webhook-list
        job-new-page job-act contexts-page context-set-page alignment-page search-page structure-upload
        annotation-upload job-annotations
        assay-list-page attachment-remove map-act picks-act tokens-page token-revoke webhooks-page webhook-act logout
        operations-page operations-act notices-page
        project-list project-members projects-page proteins-page project-join-page hand-over-page job-bulk basket-page
        campaign-list campaign-properties campaign-measurements campaign-models campaign-predictions campaigns-page
        public-link-page project-public-link-page campaign-public-link-page
        campaign-new-page campaign-page campaign-model-page campaign-proposal-page campaign-round-page
        campaign-library-page
    """,
    "GET PATCH DELETE": "job-detail webhook-detail project-detail campaign-detail",
    "POST DELETE": "project-link",
    "GET POST DELETE": "job-public-link project-public-link campaign-public-link",
    "DELETE": "project-member",
    "GET DELETE": """
        job-analysis job-column job-assay job-structure job-annotation alignment-detail search-detail context-detail
        campaign-prediction
    """,
    "GET OPTIONS POST PUT": "login password_change",
    # A redirect to a static file.
    "GET OPTIONS POST PUT PATCH DELETE": "favicon",
}
"""The methods of each route outside the admin, which is the same for all of them. HEAD goes with GET."""
METHODS_OF = {name: set(methods.split()) for methods, names in METHODS.items() for name in names.split()}

SERVED = {200, 201, 202, 204, 302, 400, 409, 415}
"""What those get who may use a route: also refusals of the empty bodies that are sent here."""
NO_LOGIN, NOT_THERE, TO_LOGIN, NO_METHOD, REFUSED = {401}, {404}, {302}, {405}, {403}
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
    JOIN: (NO_LOGIN | TO_LOGIN, NOT_THERE, NOT_THERE | TO_LOGIN, NOT_THERE, NOT_THERE | TO_LOGIN, NOT_THERE),
    LINK: (NOT_THERE,) * 6,
    API_ADMIN: (NO_LOGIN, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, SERVED),
    PAGE_ADMIN: (TO_LOGIN, NOT_THERE, TO_LOGIN, NOT_THERE, TO_LOGIN, SERVED),
    STAFF: (TO_LOGIN, TO_LOGIN, TO_LOGIN, TO_LOGIN, TO_LOGIN, ADMIN),
}
"""503: the test has no worker. 404 of a page: a form about something that does not exist."""
PERSONAL = {
    *{"search-detail", "search-cancel", "search-page", "webhook-detail", "webhook-deliveries", "webhook-act"},
}
"""Objects that no project holds: members of the owner's projects are strangers to them. So is a deleted project."""
DELETED = {"project-restore"}
MEMBERS_SEE = """
    job-detail job-events job-items job-item job-results job-artefact job-manifest job-ledger job-bad-records
    job-analyses job-analysis job-analysis-cancel job-neighbours job-columns job-column job-assays job-assay
    job-annotations job-annotation annotation-upload
    job-structures job-structure job-structure-file job-structure-model
    job-cancel job-pause job-resume job-release job-retry job-extend
    job-keep job-public-link public-link-page
    project-public-link project-public-link-page campaign-public-link campaign-public-link-page
    context-detail alignment-detail alignment-sample context-set-page alignment-page job-page job-act item-list-page
    item-page item-table item-workbook variants-page variants-table variants-workbook likelihoods-page
    likelihoods-table likelihoods-book assay-list-page assay-page structure-upload attachment-remove map-page map-act
    picks-act neighbours-page project-detail project-add project-remove project-members project-member project-link
    project-page project-act project-share
    alignment-summary alignment-a3m alignment-fasta basket-page basket-csv basket-fasta
    comparison-page comparison-csv job-comparison job-baselines job-assay-metrics scan-substitutions scan-workbook
    campaign-detail campaign-properties campaign-measurements campaign-models campaign-model campaign-predictions
    campaign-prediction campaign-prediction-file campaign-prediction-cancel
    campaign-comparison campaign-comparison-page
    campaign-proposals campaign-rounds campaign-round campaign-ordered campaign-measured campaign-export
    campaign-library-page
    campaign-libraries campaign-page campaign-data-page campaign-model-page campaign-proposal-page campaign-round-page
"""
SHARED = set(MEMBERS_SEE.split())
"""Objects that the members of a project share. Each route about an object is here or above, else a test fails."""
READS_BY_POST = {
    *{"job-neighbours", "picks-act", "basket-page"},
    *{"campaign-predictions", "campaign-libraries", "campaign-model-page"},
}
"""Requests that change nothing of the object though they are POST. A basket is in the session of who picks."""
OWNERS_POST = ("job-release", "job-retry", "job-extend", "job-keep", "project-members", "project-share")
LINKS = ("project-link", "job-public-link", "project-public-link", "campaign-public-link")
OWNERS_ALONE = {
    *{
        (name, "DELETE")
        for name in ("job-detail", "alignment-detail", "context-detail", "project-detail", "campaign-detail")
    },
    *{(name, "POST") for name in OWNERS_POST},
    # The walk sends do=delete to pages.
    *{(name, "POST") for name in ("job-act", "alignment-page", "context-set-page", "project-act", "campaign-page")},
    *{(name, method) for name in LINKS for method in ("POST", "DELETE")},
    *{(f"{kind}public-link-page", "POST") for kind in ("", "project-", "campaign-")},
    ("project-member", "DELETE"),
}
"""What is charged to the owner, cannot be undone, or lets others in: 403 for editors."""
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
    "editor": 1,
    "editor's token": 2,
    "viewer": 1,
    "viewer's token": 2,
}
"""The column of each role. Editors and viewers are other users, except where the project is shared with them."""
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
    if route.name in SHARED and role.startswith(("editor", "viewer")) and (route.cls is not None or role not in TOKENS):
        found = of_member(route, role, method)
    if route.kind == STAFF or (route.kind == BOARD and role != "superuser"):
        return found
    known = METHODS_OF.get(route.name, set(EVERY))
    if method in known or (method == "HEAD" and "GET" in known) or route.path.startswith("/admin/"):
        return found | (NO_METHOD if route.path.startswith("/admin/") else set())
    # Who is not let in does not learn which methods a route has. A token opens no page.
    let_in = route.kind in (PUBLIC, LINK) or (COLUMN[role] != 0 and (route.cls is not None or role not in TOKENS))
    return NO_METHOD if let_in else found


def of_member(route: Route, role: str, method: str) -> set[int]:
    """Return what a member of the project gets: viewers read, editors also change, and owners do the rest."""
    if method in ("GET", "HEAD", "OPTIONS") or route.name in READS_BY_POST:
        return SERVED | {503}
    if route.name == "project-member" and role.startswith("viewer"):
        return SERVED  # the address names the viewer, who leaves
    if role.startswith("viewer") or (route.name, method) in OWNERS_ALONE:
        return REFUSED
    return SERVED


def test_every_object_is_shared_or_personal():
    objects = {route.name for route in routes() if route.kind in (API_OBJECT, PAGE_OBJECT)}
    assert sorted(objects ^ (SHARED | PERSONAL | DELETED)) == [], "say whether members of a project get it"
    assert {name for name, _ in OWNERS_ALONE} | READS_BY_POST <= SHARED


@pytest.fixture
def things(api, person, monkeypatch) -> dict[str, object]:
    return objects_of(api, person, monkeypatch)


@pytest.fixture
def clients(things, person, stranger) -> Iterator[Callable[[str], tuple[Client, str | None]]]:
    """Return a function that makes the client and the token of a role."""
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    root = User.objects.create_superuser("root")
    gone = User.objects.create_user("gone")
    users = {"owner": person, "other user": stranger, "staff": staff, "superuser": root, "deactivated": gone}
    members = {name: User.objects.get(username=name) for name in ("editor", "viewer")}
    users |= members
    tokens = {"wrong token": "0" * 64}
    for role, user in (
        ("owner's", person),
        ("other user's", stranger),
        ("deactivated user's", gone),
        *((f"{name}'s", user) for name, user in members.items()),
    ):
        tokens[f"{role} token"] = token_create(owner=user, name="x", days=None)

    def client_of(role: str) -> tuple[Client, str | None]:
        client = Client(raise_request_exception=False)
        if role in users:
            User.objects.filter(pk=gone.pk).update(is_active=True)
            client.force_login(users[role])
        User.objects.filter(pk=gone.pk).update(is_active=False)
        return client, tokens.get(role)

    return client_of


QUICK = {"anonymous", "other user"}
"""The roles that `make test` tries. `make test-slow` tries the others."""


@pytest.mark.parametrize(
    "role", [pytest.param(role, marks=() if role in QUICK else pytest.mark.slow) for role in COLUMN]
)
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
