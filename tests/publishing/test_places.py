"""Downloads by public links take places of their addresses, and none of the users' places."""

from __future__ import annotations

from collections import Counter

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from jobs.web.places import DOWNLOADS, PUBLIC_DOWNLOADS, PublicDownload, StreamPlaces

# Closing an answer looks at the connection that earlier tests of the process left open.
pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(settings, monkeypatch):
    """Return a function that sends a request of a user from an address, and returns the streamed answer."""
    settings.E1_PUBLIC_DOWNLOADS, settings.E1_USER_PUBLIC_DOWNLOADS = 2, 1
    # Answers that earlier tests of the process never closed hold places.
    for places in (DOWNLOADS, PUBLIC_DOWNLOADS):
        monkeypatch.setattr(places, "_taken", Counter())

    def send(user, address, kind=PublicDownload):
        request = RequestFactory().get("/api/anything/", REMOTE_ADDR=address)
        request.user = user
        return StreamPlaces(lambda _: kind([b"x"]))(request)

    return send


def test_an_address_has_its_share_and_all_addresses_have_theirs(ask):
    outsider = AnonymousUser()
    first = ask(outsider, "10.0.0.1")
    again = ask(outsider, "10.0.0.1")
    assert (again.status_code, again["Retry-After"]) == (429, "5")
    second = ask(outsider, "10.0.0.2")
    assert second.status_code == 200
    assert ask(outsider, "10.0.0.3").status_code == 429
    assert PUBLIC_DOWNLOADS._taken == {"10.0.0.1": 1, "10.0.0.2": 1}
    assert not DOWNLOADS._taken
    for answer in (first, second):
        answer.close()
    assert not PUBLIC_DOWNLOADS._taken


def test_a_user_takes_a_users_place(ask):
    outsider = ask(AnonymousUser(), "10.0.0.1")
    user = ask(User(pk=7), "10.0.0.1")
    assert user.status_code == 200
    assert DOWNLOADS._taken == {7: 1}
    for answer in (outsider, user):
        answer.close()
    assert not DOWNLOADS._taken


def test_other_streams_without_a_login_take_none(ask):
    answers = [ask(AnonymousUser(), "10.0.0.1", StreamingHttpResponse) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert not PUBLIC_DOWNLOADS._taken
