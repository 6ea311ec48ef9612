"""The prefix of all addresses, without a proxy: what the web process answers, with the prefix and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from django.urls import get_resolver

from e1site.defaults import cookie_name, prefix, prefix_problem
from tests.helpers import ROOT

PROGRAM = """
import io, json, sys
from e1site.wsgi import application

assert "e1site.urls" in sys.modules, "gunicorn forks now, and each process would import the pages"

def ask(path):
    query = path.partition("?")[2]
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path.partition("?")[0], "QUERY_STRING": query,
               "SERVER_NAME": "lab.example", "SERVER_PORT": "443", "HTTP_HOST": "lab.example",
               "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
    told = []
    body = application(environ, lambda status, headers, *_: told.append((status, headers)))
    text = b"".join(body).decode(errors="replace")
    getattr(body, "close", lambda: None)()
    return {"status": told[0][0], "headers": told[0][1], "text": text}

print(json.dumps([ask(path) for path in sys.argv[1:]]))
"""


def answers(*paths: str, **settings: str) -> list[dict[str, Any]]:
    """Return what the web process answers, without a database: these addresses need none."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "E1_SECRET_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "E1_ALLOWED_HOSTS": "lab.example",
        "E1_HTTPS": "true",
        "E1_PREFIX": "/e1",
        **settings,
    }
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), *paths]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def headers(answer: dict[str, Any], name: str) -> list[str]:
    return [value.strip() for key, value in answer["headers"] if key.lower() == name]


@pytest.mark.slow
def test_addresses_with_the_prefix_and_without_it_get_the_same_answer():
    paths = ("/livez", "/login/", "/static/jobs/theme.js", "/api/schema/", "/nothing/", "/api/nothing/", "/service/")
    found = answers(*[place + path for place in ("", "/e1") for path in paths])
    for path, stripped, passed in zip(paths, found[: len(paths)], found[len(paths) :], strict=True):
        assert stripped["status"] == passed["status"], path
        assert len(stripped["text"]) == len(passed["text"]), path
    login = found[1]
    assert 'href="/e1/' in login["text"]
    assert 'src="/e1/static/jobs/' in login["text"]
    (cookie,) = headers(login, "set-cookie")
    assert cookie.startswith("__Secure-csrftoken")
    assert "Path=/e1/;" in f"{cookie};"
    assert found[2]["status"].startswith("200")
    document = json.loads(found[3]["text"])
    assert document["servers"] == [{"url": "/e1"}]
    assert "/api/jobs/" in document["paths"]
    assert json.loads(found[5]["text"])["code"] == "not_found"
    assert headers(found[5], "cache-control") == ["private, no-store"]
    assert headers(found[6], "location") == ["/e1/login/?next=/e1/service/"]


@pytest.mark.slow
def test_the_bare_prefix_leads_to_the_pages_and_is_taken_away_once_only():
    bare, twice, other = answers("/e1?a=b", "/e1/e1/livez", "/e1x/livez")
    assert (bare["status"], headers(bare, "location")) == ("308 Permanent Redirect", ["/e1/?a=b"])
    assert twice["status"] == other["status"] == "404 Not Found"


@pytest.mark.slow
def test_without_a_prefix_nothing_changes():
    login, prefixed, bare = answers("/login/", "/e1/login/", "/e1", E1_PREFIX="")
    assert 'type="password"' in login["text"]
    assert 'type="password"' not in prefixed["text"]
    assert prefixed["status"] == "404 Not Found"
    assert not bare["status"].startswith("308")
    (cookie,) = headers(login, "set-cookie")
    assert cookie.startswith("__Host-csrftoken")
    assert "Path=/;" in f"{cookie};"


def test_services_under_different_prefixes_have_different_cookies():
    names = {
        cookie_name("sessionid", service="", https=https, prefix=one)
        for https in (True, False)
        for one in ("", "/a", "/b")
    }
    assert len(names) == 6


@pytest.mark.parametrize(
    ("text", "found"), [("", ""), ("/", ""), ("e1", "/e1"), ("/e1/", "/e1"), ("a/b_c-1", "/a/b_c-1")]
)
def test_the_command_takes_a_prefix_with_and_without_slashes(text, found):
    assert prefix(text) == found
    assert prefix_problem(found) == ""


@pytest.mark.parametrize(
    "text", ["e1", "/e1/", "/e 1", "/e1//x", "/é", "/e1?x", "https://lab.example/e1", "/api", "/static/x"]
)
def test_other_prefixes_are_refused_with_an_example(text):
    assert "/e1" in prefix_problem(text)


def test_no_place_of_the_service_is_a_prefix():
    found = {str(one.pattern).partition("/")[0] for one in get_resolver().url_patterns} - {""}
    assert found >= {"api", "jobs", "campaigns"}
    assert [place for place in sorted(found) if not prefix_problem(f"/{place}")] == []
