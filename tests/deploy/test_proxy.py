"""The proxy's configuration in a real nginx in front of a real service."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx
import pytest

from e1site import settings
from e1site.stack.processes import wait_gone
from e1site.webserver.arriving import SMALL_BODY
from jobs.limits import MAX_UPLOAD_BYTES
from jobs.web.access import client_address
from tests.deploy.composed import ROOT
from tests.deploy.proxy import Nginx, collect_static, find_nginx, free_port, make_certificate
from tests.stack import Stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform != "linux", reason="the stack's processes are read through /proc"),
]

SECONDS = 300
PUBLIC = "e1.example.org"
DIST = ROOT / "jobs" / "static" / "jobs" / "dist"
BIG = 20_000_000


@pytest.fixture(scope="module")
def folder():
    find_nginx()
    with tempfile.TemporaryDirectory(prefix="e1-proxy-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="module")
def stack(folder):
    """Start the service for users who come by https."""
    stack = Stack(folder / "data")
    stack.env |= {"E1_HTTPS": "true", "E1_ALLOWED_HOSTS": f"127.0.0.1,{PUBLIC}"}
    try:
        stack.start()
        yield stack
    finally:
        stack.end()


@pytest.fixture(scope="module")
def files(folder) -> Path:
    return collect_static(folder)


@pytest.fixture(scope="module")
def certificate(folder) -> Path:
    return make_certificate(folder / "tls")


@pytest.fixture(scope="module")
def proxy(folder, stack, files, certificate):
    """Start nginx, where TLS ends."""
    web = stack.url.removeprefix("http://")
    paths = {"E1_PROXY_FILES": str(files), "E1_PROXY_CERTIFICATE": str(certificate)}
    nginx = Nginx(folder / "nginx", {"E1_PROXY": "https", "E1_PROXY_WEB": web, **paths})
    try:
        nginx.start()
        yield nginx
    finally:
        nginx.stop()


@pytest.fixture(scope="module")
def trust(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate / "cert.pem"))


@pytest.fixture
def browser(proxy, trust):
    """Return a client without a token that keeps cookies."""
    with httpx.Client(base_url=proxy.https, verify=trust, timeout=SECONDS) as client:
        yield client


@pytest.fixture
def user(proxy, trust, stack):
    """Return the administrator's client, through the proxy."""
    headers = {"Authorization": f"Token {stack.token}"}
    with httpx.Client(base_url=proxy.https, verify=trust, timeout=SECONDS, headers=headers) as client:
        yield client


@pytest.fixture
def direct(stack):
    """Return the administrator's client, without the proxy."""
    with httpx.Client(base_url=stack.url, timeout=SECONDS, headers={"Authorization": f"Token {stack.token}"}) as client:
        yield client


def log_in(client: httpx.Client, password: str, origin: str, **headers: str) -> httpx.Response:
    """Send the login form as a browser does. The cookie is added by hand if the client uses plain HTTP."""
    page = client.get("/login/", headers=headers)
    field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert field, page.text
    form = {"csrfmiddlewaretoken": field[1], "username": "admin", "password": password}
    cookie = page.headers["set-cookie"].split(";")[0]
    sent = {"Origin": origin, "Referer": f"{origin}/login/", "Cookie": cookie, **headers}
    return client.post("/login/", data=form, headers=sent)


# --- static files ----------------------------------------------------------------------------------------------------
def test_files_with_a_digest_in_their_name_are_kept_for_ever(browser, direct):
    built = [path.relative_to(DIST.parents[1]) for path in (DIST / "assets").iterdir()]
    assert built
    for path in built:
        answer, own = browser.get(f"/static/{path}"), direct.get(f"/static/{path}")
        assert answer.status_code == own.status_code == 200
        assert answer.content == own.content
        immutable = re.search(settings.WHITENOISE_IMMUTABLE_FILE_TEST, f"/static/{path}") is not None
        assert ("immutable" in answer.headers["cache-control"]) == immutable
        assert set(answer.headers["cache-control"].split(", ")) == set(own.headers["cache-control"].split(", "))
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert any(browser.get(f"/static/{path}").headers.get("content-encoding") == "gzip" for path in built)


def test_other_static_files_are_asked_for_again_soon(browser, direct):
    for path in ("/static/jobs/theme.js", "/static/admin/css/base.css"):
        answer, own = browser.get(path), direct.get(path)
        assert answer.status_code == 200
        assert answer.content == own.content
        assert set(answer.headers["cache-control"].split(", ")) == set(own.headers["cache-control"].split(", "))
    assert browser.get("/static/jobs/nothing.js").status_code == 404
    assert browser.get("/static/../nginx/nginx.conf").status_code in (400, 404)


# --- pages -----------------------------------------------------------------------------------------------------------
def test_a_page_has_every_security_header_once(browser):
    page = browser.get("/login/")
    assert page.status_code == 200
    for name in (
        "content-security-policy",
        "referrer-policy",
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
    ):
        assert len(page.headers.get_list(name)) == 1, name
    assert not re.search(r"\d", page.headers["server"])


def test_plain_http_leads_on_to_tls(proxy):
    answer = httpx.get(f"{proxy.http}/jobs/new/?a=b", headers={"Host": PUBLIC})
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://{PUBLIC}/jobs/new/?a=b"


def test_a_program_that_sends_its_token_in_plain_text_is_not_led_on(proxy, stack):
    """A redirect would hide the mistake: the token has crossed the network already."""
    headers = {"Host": PUBLIC, "Authorization": f"Token {stack.token}"}
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{proxy.http}/api/jobs/", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert "https" in answer.json()["detail"]


def test_tls_takes_forward_secret_ciphers_only(proxy, certificate):
    port = proxy.https.rpartition(":")[2]

    def handshake(*options: str) -> int:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(certificate / "cert.pem")]
        done = subprocess.run(
            [*command, "-brief", *options], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        return done.returncode

    assert handshake() == 0
    assert handshake("-tls1_2") == 0
    assert handshake("-tls1_1") != 0
    for cipher in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"):
        assert handshake("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0") != 0


def test_the_login_form_works_through_tls(browser, proxy, stack):
    refused = log_in(browser, stack.password, "https://elsewhere.example.org")
    assert refused.status_code == 403
    answer = log_in(browser, stack.password, proxy.https)
    assert answer.status_code == 302, answer.text
    # The name goes on with the service's id.
    session = next(cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("__Host-sessionid"))
    assert {"secure", "httponly", "path=/"} <= {part.strip().lower() for part in session.split(";")}
    assert "domain" not in session.lower()
    assert browser.get("/", headers={"Cookie": session.split(";")[0]}).status_code == 200


def test_the_login_form_works_where_tls_ends_in_front(folder, stack, files):
    web = stack.url.removeprefix("http://")
    nginx = Nginx(folder / "behind", {"E1_HTTPS": "true", "E1_PROXY_WEB": web, "E1_PROXY_FILES": str(files)})
    try:
        nginx.start()
        with httpx.Client(base_url=nginx.http, timeout=SECONDS) as client:
            answer = log_in(client, stack.password, f"https://{PUBLIC}", Host=PUBLIC)
            assert answer.status_code == 302, answer.text
    finally:
        nginx.stop()


def test_nobody_makes_up_how_he_came(folder, stack, files):
    """With plain HTTP and a forged header, the service sees plain HTTP, and an https origin is foreign."""
    web = stack.url.removeprefix("http://")
    nginx = Nginx(folder / "plain", {"E1_PROXY_WEB": web, "E1_PROXY_FILES": str(files)})
    try:
        nginx.start()
        with httpx.Client(base_url=nginx.http, timeout=SECONDS) as client:
            forged = {"Host": PUBLIC, "X-Forwarded-Proto": "https"}
            assert log_in(client, stack.password, f"https://{PUBLIC}", **forged).status_code == 403
            assert log_in(client, stack.password, f"http://{PUBLIC}", **forged).status_code == 302
    finally:
        nginx.stop()


class Listener(http.server.BaseHTTPRequestHandler):
    """A fake of the web process that returns the address it receives."""

    def do_GET(self) -> None:
        told = ", ".join(self.headers.get_all("X-Forwarded-For") or []).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        return


def test_an_address_is_what_the_outermost_of_our_proxies_has_seen(folder, rf, settings):
    """Each proxy appends its client's address, alone and behind another proxy.

    The addresses that a client writes itself are too far left to be read.
    """
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    inner = Nginx(folder / "inner", {"E1_PROXY_WEB": f"127.0.0.1:{web.server_port}", "E1_PROXY_FILES": str(folder)})
    try:
        inner.start()
        outer = Nginx(folder / "outer", {"E1_PROXY_WEB": inner.http[7:], "E1_PROXY_FILES": str(folder)})
        try:
            outer.start()
            user = httpx.HTTPTransport(local_address="127.0.0.2")
            with httpx.Client(transport=user, headers={"X-Forwarded-For": "192.0.2.7"}, timeout=SECONDS) as client:
                for proxies, nginx in ((1, inner), (2, outer)):
                    settings.E1_PROXIES = proxies
                    told = client.get(f"{nginx.http}/login/").text
                    assert told.startswith("192.0.2.7, ")
                    assert client_address(rf.get("/", HTTP_X_FORWARDED_FOR=told)) == "127.0.0.2"
        finally:
            outer.stop()
    finally:
        inner.stop()
        web.shutdown()
        web.server_close()


def test_no_log_has_a_query(browser, user, proxy, stack):
    """The parameters of a raw upload may contain a sequence."""
    query = "?model=e1-demo&action=score&params=MKTSECRET"
    assert user.post(f"/api/jobs/{query}", content=b"A1C", headers={"Content-Type": "text/x-fasta"}).status_code == 400
    assert browser.get(f"/no-such-page/{query}").status_code == 404
    assert browser.get("/login/", headers={"Referer": f"{proxy.https}/{query}"}).status_code == 200
    log = proxy.log.read_text()
    assert '"POST /api/jobs/" 400' in log
    logs = [log, *(path.read_text(errors="replace") for path in stack.folder.logs.glob("*.log"))]
    assert not [text for text in logs if "MKTSECRET" in text]


def test_numbers_of_the_service_stay_inside(browser, direct):
    assert direct.get("/metrics").status_code == 200
    assert browser.get("/metrics").status_code == 404


# --- streams ---------------------------------------------------------------------------------------------------------
def test_uploads_and_events_pass_as_they_come(proxy, trust, user, direct, stack):
    """Half an upload makes a job that is being read, and its events arrive while their stream is open.

    A proxy that buffers either of them would show nothing here.
    """
    # The web process waits for small bodies: only a larger one is read while it arrives.
    description = b"x" * (SMALL_BODY // 128)
    library = b"".join(b">protein-%d %s\nMKTAYIAKQRQISFVKSHFSRQ\n" % (number, description) for number in range(256))
    half = len(library) // 2
    port = int(proxy.https.rpartition(":")[2])
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=SECONDS)
    connection.putrequest("POST", "/api/jobs/?model=e1-demo&action=log_prob&name=slowly")
    connection.putheader("Authorization", f"Token {stack.token}")
    connection.putheader("Content-Type", "text/x-fasta")
    connection.putheader("Content-Length", str(len(library)))
    connection.endheaders(library[:half])

    def known() -> list[dict]:
        return [job for job in direct.get("/api/jobs/").json()["results"] if job["name"] == "slowly"]

    assert wait_gone(lambda: not known(), SECONDS), "nothing of the upload has reached the service"
    (job,) = known()
    assert job["state"] == "validating"
    with user.stream("GET", f"/api/jobs/{job['id']}/events/", headers={"Accept": "text/event-stream"}) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = events.iter_lines()
        assert next(lines) == "event: tick"
        assert json.loads(next(lines).removeprefix("data: "))["state"] == "validating"
        connection.send(library[half:])
        answer = connection.getresponse()
        assert answer.status == 202
        assert json.loads(answer.read())["counts"]["total"] == 256
        states = [json.loads(line.removeprefix("data: "))["state"] for line in lines if line.startswith("data: ")]
        assert states[-1] == "succeeded"
    connection.close()
    assert proxy.buffered() == []


def test_a_large_download_passes_whole(proxy, user, direct):
    protein = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
    items = [{"sequence": protein[: 40 + n % 16]} for n in range(900)]
    body = {"model": "e1-demo", "action": "encode", "params": {"include": ["per_token"]}, "items": items}
    job = user.post("/api/jobs/", json=body).json()["id"]
    assert wait_gone(lambda: direct.get(f"/api/jobs/{job}/").json()["state"] != "succeeded", SECONDS)
    path = f"/api/jobs/{job}/results/?format=npz"
    own = direct.get(path)
    with user.stream("GET", path) as passed:
        assert passed.status_code == 200
        assert passed.headers["content-disposition"] == own.headers["content-disposition"]
        blocks = passed.iter_bytes()
        content = next(blocks)
        assert proxy.buffered() == []  # the rest waits in the service, not on the proxy's disk
        content += b"".join(blocks)
    assert len(content) > BIG
    assert content == own.content


# --- refusals --------------------------------------------------------------------------------------------------------
# Within the limit the service answers, here after the time that the proxy waits for the rest.
WITHIN = pytest.param(MAX_UPLOAD_BYTES + (1 << 20), False, marks=pytest.mark.slow, id="within")


@pytest.mark.parametrize(("size", "beyond"), [pytest.param(MAX_UPLOAD_BYTES + (100 << 20), True, id="beyond"), WITHIN])
def test_an_upload_beyond_the_limit_is_refused_before_it_is_sent(proxy, trust, stack, size, beyond):
    port = int(proxy.https.rpartition(":")[2])
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=SECONDS)
    connection.putrequest("POST", "/api/jobs/?model=e1-demo&action=no-such-action")
    connection.putheader("Authorization", f"Token {stack.token}")
    connection.putheader("Content-Type", "text/x-fasta")
    connection.putheader("Content-Length", str(size))
    connection.endheaders(b">one\nMKT\n")
    answer = connection.getresponse()
    refusal = json.loads(answer.read())
    assert refusal["status_code"] == answer.status
    assert (answer.status == 413) == beyond
    assert (refusal["code"] == "too_large") == beyond
    connection.close()


def test_a_form_beyond_the_limit_is_refused_by_a_page_that_names_the_proxy(proxy, trust):
    port = int(proxy.https.rpartition(":")[2])
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=SECONDS)
    connection.putrequest("POST", "/jobs/new/")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(MAX_UPLOAD_BYTES + (100 << 20)))
    connection.endheaders(b"--x\r\n")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert (answer.status, answer.headers["content-type"]) == (413, "text/html")
    assert "The proxy refuses this upload" in text
    assert "packed with gzip" in text


def test_a_service_that_is_away_is_said_in_the_service_s_form(folder, files):
    nginx = Nginx(folder / "away", {"E1_PROXY_WEB": f"127.0.0.1:{free_port()}", "E1_PROXY_FILES": str(files)})
    try:
        nginx.start()
        for path in ("/api/jobs/", "/api/jobs/00000000-0000-0000-0000-000000000000/events/"):
            answer = httpx.get(f"{nginx.http}{path}")
            assert answer.status_code == answer.json()["status_code"] == 503
            assert answer.json()["code"] == "unavailable"
            assert answer.headers["retry-after"]
        assert httpx.get(f"{nginx.http}/login/").status_code == 502
    finally:
        nginx.stop()
