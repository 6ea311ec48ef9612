"""Every public route in every role, with each kind of link, with a wrong one and with a revoked one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.web.routes import LINK, routes

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

IN_CAMPAIGN = {"campaign", "data", "measurements", "model", "round"}
OPENS = {
    "job": {"page", "download"},
    "project": {"page", "job", "job download", "alignment", "assay", "structure", *IN_CAMPAIGN},
    "campaign": {"page", *IN_CAMPAIGN},
}
"""What a link of each kind opens. It opens the same to everybody who has it."""
ROLES = ("anonymous", "owner", "editor", "viewer", "stranger")
NAMES = {"owner": "rosalind", "editor": "erwin", "viewer": "wilhelmina"}


def as_role(role: str) -> Client:
    client = Client()
    if role == "stranger":
        client.force_login(User.objects.create_user("james"))
    elif role != "anonymous":
        client.force_login(User.objects.get(username=NAMES[role]))
    return client


def status_of(client: Client, path: str, method: str = "get") -> int:
    """Return the status, after reading a file to its end: its place is free again then."""
    answer = getattr(client, method)(path)
    if answer.streaming:
        b"".join(answer.streaming_content)
    return answer.status_code


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_a_link_opens_and_nothing_else(world, publish, mine, role):
    keys = {"job": world.shown.job, "project": world.project.pk, "campaign": world.campaign.pk}
    client, wrong = as_role(role), []
    for kind, opens in OPENS.items():
        token = publish(kind, keys[kind])
        paths = world.paths(token)
        assert set(paths) >= opens
        for name, path in paths.items():
            if status_of(client, path) != (200 if name in opens else 404):
                wrong.append((kind, name))
            for method in ("post", "put", "patch", "delete") if kind == "project" else ("post",):
                if status_of(client, path, method) != 405:
                    wrong.append((kind, name, method))
        wrong += [(kind, name) for name, path in world.hidden_paths(token).items() if status_of(client, path) != 404]
        assert mine.delete(f"/api/{kind}s/{keys[kind]}/public-link/").status_code == 204
        wrong += [(kind, name, "revoked") for name, path in paths.items() if status_of(client, path) != 404]
    wrong += [name for name, path in world.paths("a-wrong-token").items() if status_of(client, path) != 404]
    assert not wrong, wrong


def test_the_walk_has_every_public_route(world):
    from django.urls import resolve

    walked = {resolve(path.partition("?")[0]).url_name for path in world.paths("x").values()}
    assert walked == {route.name for route in routes() if route.kind == LINK}
