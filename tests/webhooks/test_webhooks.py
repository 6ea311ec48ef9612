"""Webhooks: signatures, retries, logs, switching off, and no access to internal machines. Listeners are on loopback."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from jobs.errors import Conflict, InvalidInput, TooManyRequests
from jobs.models import Delivery, Webhook
from jobs.queue.lifecycle import job_cancel
from jobs.webhooks import outside
from jobs.webhooks import services as service
from jobs.webhooks.outside import Refused, checked_address, is_internal, post, target_of
from jobs.webhooks.services import EVENTS, PAUSES, deliveries_send, webhook_create
from tests.helpers import body, submit
from tests.helpers import post as post_json

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"


class Listener:
    """A server on loopback that keeps requests and answers with a given status."""

    def __init__(self) -> None:
        listener = self
        self.status, self.headers, self.got = 204, {}, []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                listener.got.append((self.path, dict(self.headers), content))
                self.send_response(listener.status)
                for name, value in listener.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.name}/hook?x=1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


@pytest.fixture
def listener(settings):
    one = Listener()
    settings.E1_WEBHOOK_ALLOW = [one.name]
    yield one
    one.close()


# --- what is told ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_job_that_ends_is_told_signed_and_logged(api, listener, inline_worker):
    response = post_json(api, "/api/webhooks/", {"url": listener.url, "events": ["job.succeeded"]})
    assert response.status_code == 201, response.content
    hook = body(response)
    secret = hook["secret"]
    assert "secret" not in body(api.get(response["Location"]))
    job = body(submit(api, name="my library", action="log_prob"))
    assert deliveries_send() == 0
    inline_worker()
    assert deliveries_send() == 1
    ((path, headers, content),) = listener.got
    assert path == "/hook?x=1"
    said = orjson.loads(content)
    assert (said["type"], said["data"]["id"], said["data"]["name"]) == ("job.succeeded", job["id"], "my library")
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["host"] == listener.name
    example = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example is not None
    names: dict = {}
    exec(example[1], names)
    names["verify"](headers, content, secret)
    for change in ({"webhook-id": "other"}, {"webhook-timestamp": "1"}):
        with pytest.raises(ValueError, match="not from the service"):
            names["verify"]({**headers, **change}, content, secret)
    with pytest.raises(ValueError, match="not from the service"):
        names["verify"](headers, content + b" ", secret)
    (logged,) = body(api.get(hook["deliveries"]))["results"]
    assert (logged["event_id"], logged["delivered"], logged["status"]) == (headers["webhook-id"], True, 204)
    assert deliveries_send() == 0, "once"


@pytest.mark.django_db
def test_only_the_events_asked_for_and_only_the_owners_jobs(api, listener, person, stranger, inline_worker):
    webhook_create(owner=person, url=listener.url, events=["job.failed"])
    webhook_create(owner=stranger, url=listener.url, events=list(EVENTS))
    submit(api, action="log_prob")
    inline_worker()
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_what_is_rolled_back_is_not_told(api, listener, person, monkeypatch, inline_worker):
    webhook_create(owner=person, url=listener.url)
    job = body(submit(api, action="log_prob"))
    with transaction.atomic():
        job_cancel(job_id=job["id"])
        assert Delivery.objects.filter(event="job.cancelled").exists()
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


@pytest.fixture
def waiting(person, listener) -> Delivery:
    hook = webhook_create(owner=person, url=listener.url)
    return Delivery.objects.create(webhook=hook, event="job.succeeded", body="{}")


@pytest.mark.django_db
def test_failures_are_repeated_with_the_same_id_and_then_given_up(listener, waiting, monkeypatch):
    listener.status = 500
    pauses = [10 * pause for pause in PAUSES]  # the shortest pause must not end before it is checked
    monkeypatch.setattr(service, "PAUSES", pauses)
    for attempt, pause in enumerate(pauses, start=1):
        assert deliveries_send() == 1
        waiting.refresh_from_db()
        assert (waiting.attempts, waiting.status, waiting.reason) == (attempt, 500, "it answered 500")
        left = waiting.next_attempt_at - timezone.now()
        assert pause - 30 < left.total_seconds() <= pause
        assert deliveries_send() == 0, "not before its time"
        Delivery.objects.update(next_attempt_at=timezone.now())
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=2))
    assert deliveries_send() == 1
    waiting.refresh_from_db()
    hook = Webhook.objects.get()
    assert waiting.next_attempt_at is None
    assert not hook.active
    assert "it answered 500" in hook.reason
    assert len({headers["webhook-id"] for _, headers, _ in listener.got}) == 1
    assert len(listener.got) == len(PAUSES) + 1


@pytest.mark.django_db
def test_a_success_forgets_failures(listener, waiting):
    listener.status = 503
    deliveries_send()
    assert Webhook.objects.get().failing_since is not None
    listener.status = 200
    Delivery.objects.update(next_attempt_at=timezone.now())
    deliveries_send()
    assert Webhook.objects.get().failing_since is None
    assert Delivery.objects.get().delivered


@pytest.mark.django_db
def test_gone_switches_off_at_once_and_the_page_says_so(listener, waiting, person):
    listener.status = 410
    deliveries_send()
    browser = Client()
    browser.force_login(person)
    assert "it answered that it is gone" in browser.get("/account/webhooks/").content.decode()
    browser.post(f"/account/webhooks/{waiting.webhook_id}/act/", {"do": "on"})
    assert Webhook.objects.get().active


@pytest.mark.django_db
def test_a_deliverer_that_dies_is_followed_by_another(waiting):
    assert service._claim() is not None
    assert service._claim() is None, "leased"
    Delivery.objects.update(next_attempt_at=timezone.now())
    assert service._claim() is not None


@pytest.mark.django_db
def test_addresses_that_say_nothing_take_no_time_from_other_users(person, stranger, monkeypatch):
    silent = [
        Webhook.objects.create(owner=person, url=f"https://{n}.example/", secret="", events=[]) for n in range(10)
    ]
    good = Webhook.objects.create(owner=stranger, url="https://good.example/", secret="", events=[])
    for hook in [*silent * 3, *[good] * 5]:
        Delivery.objects.create(webhook=hook, event="job.succeeded", body="{}")
    clock, asked = [0.0], []

    def attempt(delivery, allowed):
        asked.append(delivery.webhook)
        clock[0] += 0.1 if delivery.webhook == good else 10.0
        return (204, "") if delivery.webhook == good else (None, "no answer in time")

    monkeypatch.setattr(service, "_attempt", attempt)
    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    assert deliveries_send() == len(asked)
    assert asked[1:6] == [good] * 5, "whose deliveries are younger than all others"
    others = [hook for hook in asked if hook != good]
    assert len(others) == len(set(others)) == 6, "each once, until the minute is over"
    monkeypatch.setattr(service, "BUDGET_SECONDS", 1000)
    Delivery.objects.filter(attempts=1).update(next_attempt_at=None)
    asked.clear()
    assert deliveries_send() == len(set(asked)) == 10


@pytest.mark.django_db
def test_the_page_shows_the_secret_once(person, listener):
    browser = Client()
    browser.force_login(person)
    page = browser.post("/account/webhooks/", {"url": listener.url}).content.decode()
    secret = Webhook.objects.get().secret
    assert page.replace("&#x27;", "'").count(secret.replace("+", "+")) == 1
    assert secret not in browser.get("/account/webhooks/").content.decode()
    refused = browser.post("/account/webhooks/", {"url": "https://127.0.0.1/"})
    assert refused.status_code == 400
    assert outside.NOT_PUBLIC in refused.content.decode()


# --- where they may not go -------------------------------------------------------------------------------------------

INTERNAL = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.0.9",  # the registry calls two addresses of 192.0.0.0/24 global
    "192.0.0.10",
    "192.0.0.192",  # metadata of Oracle's cloud
    "168.63.129.16",  # of Azure
    "100.100.100.200",  # of Alibaba's
    "fd00:ec2::254",  # of AWS
    "fd20:ce::254",  # of Google's
    "::ffff:168.63.129.16",
    "64:ff9b::c000:c0",
    "192.88.99.1",
    "3fff::1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "203.0.113.9",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "100::1",
]


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses(address):
    assert is_internal(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address):
    assert not is_internal(address)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.org/", "http://example.org/", "https://", "https:///x", "https://user:pw@example.org/",
     "x" * 600, "https://example.org/\r\nX: y", "https://ex ample.org/", "https://example.org:99999/", "file:///etc/passwd",
     "https://example.org:22/", "https://example.org:8443/", "https://example.org:0/",
     "https://example.org/#x", "https://[::1%25eth0]/", "https://\u4f8b.org/", "javascript:alert(1)", "https://[::1"],
)  # fmt: skip
def test_odd_urls_are_refused(url):
    with pytest.raises(Refused):
        target_of(url, [])


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/",
     "https://127.1/", "https://[::ffff:7f00:1]/", "https://0/", "https://localhost./"],
)  # fmt: skip
def test_every_spelling_of_loopback_is_refused(url):
    with pytest.raises(Refused):
        checked_address(target_of(url, []), [])


def resolving(monkeypatch, *answers: list[str]) -> list[str]:
    """Resolve names to the first list, then to the second, and so on. Return the names asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def fake(host, port, *args, **kwargs):
        if host != "hooks.example.org":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return asked


@pytest.mark.parametrize("port", ["", ":443", ":80"])
def test_ports_of_the_web_are_allowed(port):
    assert target_of(f"https://example.org{port}/", []).port == int(port[1:] or 443)


def test_an_administrator_allows_other_ports():
    assert target_of("https://inside:8443/", ["inside"]).port == 8443
    assert target_of("https://inside:8443/", ["inside:8443"]).port == 8443
    with pytest.raises(Refused, match="port"):
        target_of("https://inside:8444/", ["inside:8443"])


@pytest.mark.django_db
def test_refusals_tell_no_internal_name_from_one_that_is_nowhere(api, person, monkeypatch):
    """Else any user could list the names and addresses of the network behind the service."""
    inside = {"wiki.lab.internal": "10.0.0.7", "hooks.example.org": "127.0.0.1"}

    def fake(host, port, *args, **kwargs):
        if host not in inside:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (inside[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    hosts = [*inside, "no-such-name.lab.internal", "10.0.0.7", "x" * 70 + ".org"]
    answers = [post_json(api, "/api/webhooks/", {"url": f"https://{host}/"}) for host in hosts]
    assert {(one.status_code, one.content) for one in answers} == {(400, answers[0].content)}
    for host in hosts:
        hook = Webhook.objects.create(owner=person, url=f"https://{host}/", secret="", events=[])
        Delivery.objects.create(webhook=hook, event="job.succeeded", body="{}")
    deliveries_send()
    assert set(Delivery.objects.values_list("reason", flat=True)) == {outside.NOT_PUBLIC}


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["169.254.169.254"]])
def test_names_that_resolve_to_the_inside_are_refused(monkeypatch, addresses):
    resolving(monkeypatch, addresses)
    with pytest.raises(Refused, match=outside.NOT_PUBLIC):
        post(target_of("https://hooks.example.org/", []), b"{}", {}, [])


def test_an_answer_that_changes_after_the_check_changes_nothing(monkeypatch):
    asked = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    connected: list[object] = []

    def connect(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        post(target_of("https://hooks.example.org/x", []), b"{}", {}, [])
    assert connected == [("93.184.216.34", 443)]
    assert asked == ["hooks.example.org"], "the name is resolved once"
    with pytest.raises(Refused):
        post(target_of("https://hooks.example.org/x", []), b"{}", {}, [])
    assert len(connected) == 1


def test_a_name_that_nobody_resolves_is_given_up_in_time(monkeypatch):
    answered = threading.Event()

    def slow(host, port, **_):
        answered.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(outside, "LOOK_UP_SECONDS", 0.01)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        with pytest.raises(Refused, match=outside.NOT_PUBLIC):
            checked_address(target_of("https://hooks.example.org/", []), [])
    finally:
        answered.set()


@pytest.mark.django_db
def test_a_user_has_one_look_up_at_a_time_and_none_beyond_ten_webhooks(person, stranger, monkeypatch):
    asked, answered = [], threading.Event()

    def slow(host, port, **_):
        asked.append(host)
        answered.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(outside, "LOOK_UP_SECONDS", 0.01)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        with pytest.raises(InvalidInput):
            webhook_create(owner=person, url="https://hooks.example.org/")
        for _ in range(20):  # the first name is given up, but its thread still waits for the resolver
            with pytest.raises(TooManyRequests) as refused:
                webhook_create(owner=person, url="https://hooks.example.org/")
            assert refused.value.code == "too_many_look_ups"
        assert len(asked) == 1
        with pytest.raises(InvalidInput):
            webhook_create(owner=stranger, url="https://hooks.example.org/")
        assert len(asked) == 2, "other users have their own"
    finally:
        answered.set()
    monkeypatch.setattr(outside, "LOOK_UP_SECONDS", 10)
    for _ in range(1000):  # until the thread has seen its answer
        with contextlib.suppress(TooManyRequests):
            webhook_create(owner=person, url="https://hooks.example.org/")
            break
        threading.Event().wait(0.01)
    for _ in range(9):
        Webhook.objects.create(owner=person, url="https://example.org/", secret="", events=[])
    looked_up = len(asked)
    with pytest.raises(Conflict):
        webhook_create(owner=person, url="https://hooks.example.org/")
    assert len(asked) == looked_up


@pytest.mark.django_db
def test_a_name_that_turns_inward_later_is_refused_at_the_attempt(person, monkeypatch):
    resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    hook = webhook_create(owner=person, url="https://hooks.example.org/")
    Delivery.objects.create(webhook=hook, event="job.succeeded", body="{}")
    deliveries_send()
    logged = Delivery.objects.get()
    assert (logged.status, logged.reason) == (None, outside.NOT_PUBLIC)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(listener, waiting, status):
    inside = Listener()
    try:
        listener.status, listener.headers = status, {"Location": f"http://{inside.name}/secret"}
        deliveries_send()
    finally:
        inside.close()
    assert len(listener.got) == 1
    assert inside.got == []
    assert "redirect" in Delivery.objects.get().reason


@pytest.mark.django_db
def test_only_what_the_administrator_allows_is_allowed(person, listener, settings):
    other = Listener()
    try:
        with pytest.raises(InvalidInput):
            webhook_create(owner=person, url=other.url)
        settings.E1_WEBHOOK_ALLOW = []
        with pytest.raises(InvalidInput):
            webhook_create(owner=person, url=listener.url)
    finally:
        other.close()


def test_an_answer_that_trickles_ends(monkeypatch):
    monkeypatch.setattr(outside, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = f"127.0.0.1:{server.getsockname()[1]}"
        stop = threading.Event()

        def trickle():
            client, _ = server.accept()
            with client:
                try:
                    while not stop.wait(0.05):
                        client.sendall(b"H")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises((OSError, outside.http.client.HTTPException)):
                post(target_of(f"http://{name}/", [name]), b"{}", {}, [name])
        finally:
            stop.set()
            thread.join(10)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sent",
    [{}, {"url": 5}, {"url": "https://localhost/"}, {"url": "https://example.org/", "events": []}, {"extra": 1},
     {"url": "https://example.org/", "events": ["job.exploded"]}, {"url": "https://\x00/"}],
)  # fmt: skip
def test_bad_webhooks_are_refused(api, sent):
    response = post_json(api, "/api/webhooks/", sent)
    assert response.status_code == 400
    assert not Webhook.objects.exists()
