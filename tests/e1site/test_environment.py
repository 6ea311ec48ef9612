"""What children of `e1 up` get from the user's shell, and what they do not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from e1site.local import ways_in
from e1site.stack import environment
from e1site.stack.binaries import run_as
from e1site.stack.environment import allowed_hosts, children_environment, forget_foreign, place_of, urls_for_others
from e1site.stack.errors import StackError
from e1site.stack.folder import DataFolder

THEIRS = {"PGHOST": "a", "PGSSLMODE": "require", "CELERY_BROKER_URL": "amqp://b", "GUNICORN_CMD_ARGS": "--reload"}


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder.at(tmp_path / "data")
    folder.create()
    return folder


def test_variables_of_other_projects_are_left_out_and_named(folder, monkeypatch):
    for name, value in {**THEIRS, "PGA": "x", "PG_VERSION": "18", "DATABASE_URL": "", "E1_PROXIES": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "blog.settings")
    env = children_environment(folder, "127.0.0.1", ["e1-demo"])
    assert not THEIRS.keys() & env.keys()
    assert (env["DJANGO_SETTINGS_MODULE"], env["E1_PROXIES"], env["PG_VERSION"]) == ("e1site.settings", "2", "18")

    assert forget_foreign() == sorted([*THEIRS, "PGA"])
    assert "DATABASE_URL" not in os.environ, "an empty address is none"
    assert forget_foreign() == []


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://me:secret@db.example.org:5433/e1", "e1 at db.example.org:5433"),
        ("postgresql://me:secret@[::1]/e1?sslmode=require", "e1 at [::1]"),
        ("postgresql://me:secret@/e1?host=/run/postgresql", "e1 at /run/postgresql"),
        ("redis://:secret@cache.example.org:6379/3", "3 at cache.example.org:6379"),
        ("redis://cache.example.org", "cache.example.org"),
        ("redis+socket:///run/valkey.sock?virtual_host=2", "/run/valkey.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(url, place):
    assert place_of(url) == place


def test_every_process_uses_the_broker_of_the_settings():
    """Not only those of `e1 up`: also a worker that is started by hand in such a shell."""
    theirs = "amqp://broker.example.org//"
    names = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND")
    env = {**os.environ, **dict.fromkeys(names, theirs), "DJANGO_SETTINGS_MODULE": "blog.settings"}
    code = (
        "from worker.app import app; c = app.conf; "
        "print({c.broker_url, c.broker_read_url, c.broker_write_url}, c.result_backend)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == f"{ {os.environ['REDIS_URL']} } None\n", done.stderr


def addresses(*texts):
    return {
        "eth0": [
            SimpleNamespace(family=socket.AF_INET6 if ":" in text else socket.AF_INET, address=text) for text in texts
        ]
    }


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_on_every_address_allows_the_names_and_addresses_of_the_machine(monkeypatch, host):
    monkeypatch.setattr("psutil.net_if_addrs", lambda: addresses("10.1.2.3", "fe80::1%eth0", "2001:db8::7"))
    monkeypatch.setattr("socket.gethostname", lambda: "LabBox")
    monkeypatch.setattr("socket.getfqdn", lambda *_: "labbox.example.org")
    found = allowed_hosts(host)
    assert {"LabBox", "LabBox.local", "labbox.example.org", "10.1.2.3", "[fe80::1]", "[2001:db8::7]"} <= set(found)
    assert {"127.0.0.1", "localhost", "[::1]"} <= set(found)
    assert len(found) == len(set(found))


def test_listening_on_one_address_allows_that_one_and_the_names(monkeypatch):
    monkeypatch.setattr("psutil.net_if_addrs", lambda: addresses("10.1.2.3", "10.9.9.9"))
    monkeypatch.setattr("socket.gethostname", lambda: "labbox")
    found = allowed_hosts("10.1.2.3")
    assert {"10.1.2.3", "labbox"} <= set(found)
    assert "10.9.9.9" not in found
    assert "labbox" not in allowed_hosts("127.0.0.1"), "no one else can reach a loopback address"


def test_others_are_sent_to_names_and_addresses_that_lead_here(monkeypatch):
    cards = {"lo": addresses("127.0.0.1", "::1")["eth0"], "docker0": addresses("172.17.0.1")["eth0"]}
    monkeypatch.setattr("psutil.net_if_addrs", lambda: cards | addresses("10.1.2.3", "fe80::1%eth0", "2001:db8::7"))
    monkeypatch.setattr("socket.gethostname", lambda: "vm")
    monkeypatch.setattr("socket.getfqdn", lambda *_: "localhost")
    monkeypatch.delenv("E1_HTTPS", raising=False)
    everywhere = ["http://vm:8311", "http://vm.local:8311", "http://10.1.2.3:8311"]
    assert urls_for_others("0.0.0.0", 8311, "", []) == everywhere
    assert urls_for_others("::", 8311, "", []) == [*everywhere, "http://[2001:db8::7]:8311"]
    assert urls_for_others("10.1.2.3", 8311, "/e1", [])[-1] == "http://10.1.2.3:8311/e1"
    assert urls_for_others("127.0.0.1", 8311, "", []) == []
    assert urls_for_others("0.0.0.0", 8311, "", ["lab.example", "*"]) == [*everywhere, "http://lab.example:8311"]
    assert urls_for_others("127.0.0.1", 8311, "", ["lab.example"]) == ["http://lab.example"], "a proxy has its own port"
    monkeypatch.setenv("E1_HTTPS", "true")
    assert urls_for_others("0.0.0.0", 8311, "/e1", ["lab.example"]) == ["https://lab.example/e1"]


@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain", "ip6-localhost", "box.localhost", "127.0.1.1"])
def test_names_of_every_machine_are_no_way_in(monkeypatch, name):
    monkeypatch.setattr("socket.gethostname", lambda: name)
    monkeypatch.setattr("socket.getfqdn", lambda *_: "labbox.example.org")
    assert name not in environment.reachable_names("0.0.0.0")
    assert "labbox.example.org" in environment.reachable_names("0.0.0.0")


def test_a_folder_without_a_token_names_none(folder):
    assert not any("cat " in line for line in ways_in(folder, [], "http://127.0.0.1:8000"))
    (folder.path / "token").write_text("t")
    assert any(f'"$(cat {folder.path}/token)"' in line for line in ways_in(folder, [], "http://127.0.0.1:8000"))


def test_names_that_the_user_allows_are_added(folder, monkeypatch):
    monkeypatch.setenv("E1_ALLOWED_HOSTS", "from-env.example, localhost")
    env = children_environment(folder, "127.0.0.1", ["e1-demo"], also=["lab.example"])
    names = env["E1_ALLOWED_HOSTS"].split(",")
    assert {"127.0.0.1", "from-env.example", "lab.example"} <= set(names), "readiness asks 127.0.0.1"
    assert len(names) == len(set(names))


@pytest.mark.parametrize("home", ["/nonexistent/home", "/dev/null", "/proc/1", ""])
def test_caches_go_to_the_data_folder_if_the_home_cannot_be_written(folder, monkeypatch, home):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    if home == "/nonexistent/home":
        monkeypatch.setattr(environment, "_can_be_made", lambda place: False)  # root may write everywhere
    if not home:
        monkeypatch.setenv("HOME", "relative")
    env = children_environment(folder, "127.0.0.1", [])
    caches = str(folder.path / "cache")
    assert env["XDG_CACHE_HOME"] == caches
    assert all(env[name].startswith(caches) for name in ("HF_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"))
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    assert children_environment(folder, "127.0.0.1", [])["HF_HOME"] == "/elsewhere"


def test_caches_stay_where_they_can_be_written(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "NUMBA_CACHE_DIR" not in children_environment(folder, "127.0.0.1", [])


def test_a_user_without_a_name_gets_one_and_postgres_a_namespace(folder, monkeypatch):
    def unknown(number):
        raise KeyError(number)

    for name in ("USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert environment.cache_environment(folder)["USER"] == "e1"
    with pytest.raises(StackError, match=r"54321 has no name.*/etc/passwd") as error:
        run_as()
    assert error.value.code == "no_postgres"
