"""Other people's networks: proxies, certificates of their own, tunnels, redirects. All on loopback, all real."""

import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stamina

from e1client import Client, Unreachable, UsageError
from e1client.errors import Misdirected, Unauthorised
from e1client.network import find_route
from e1client.settings import find_connection
from tests.e1client.client_fake import TOKEN, FakeService
from tests.needed import needed_program

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
OUTSIDE = "http://service.example:8000"


@pytest.fixture(autouse=True)
def own_network(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def service():
    service = FakeService()
    yield service
    service.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return a folder with the certificate of a private authority, and one that it gave to `localhost`."""
    folder, openssl = tmp_path_factory.mktemp("authority"), needed_program("openssl", package="openssl")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    for command in (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2"
        " -subj /CN=Lab -addext keyUsage=keyCertSign",
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out csr.pem"
        " -subj /CN=localhost",
        "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile names",
    ):
        subprocess.run([openssl, *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def secure(service, authority):
    """Return the fake service behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    service.server.socket = context.wrap_socket(service.server.socket, server_side=True, do_handshake_on_connect=False)
    service.url = f"https://localhost:{service.server.server_port}"
    return service


@pytest.fixture
def proxy(service):
    """Return a proxy for plain http that sends every request to the fake service; `log` has their lines."""
    with Proxy(service.server.server_address) as proxy:
        yield proxy


class Proxy:
    def __init__(self, target):
        self.log, self.refuse = [], False
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                proxy.log.append(self.requestline)
                if proxy.refuse:
                    self.send_error(407)
                    return
                path = "/" + self.path.split("/", 3)[3]
                head = f"GET {path} HTTP/1.0\r\nAuthorization: {self.headers['Authorization']}\r\n\r\n"
                with socket.create_connection(target) as upstream:
                    upstream.sendall(head.encode())
                    while block := upstream.recv(65536):
                        self.wfile.write(block)

            def do_CONNECT(self):
                proxy.log.append(self.requestline)
                self.send_error(403)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTP_PROXY"])
def test_a_proxy_of_the_environment_is_used(service, proxy, monkeypatch, variable):
    monkeypatch.setenv(variable, proxy.url)
    with Client(OUTSIDE, TOKEN) as client:
        assert client.jobs() == []
    assert proxy.log == [f"GET {OUTSIDE}/api/jobs/?page_size=20 HTTP/1.1"]


def test_an_address_without_a_scheme_is_an_http_proxy(service, proxy, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy.url.removeprefix("http://"))
    with Client(OUTSIDE, TOKEN) as client:
        assert client.jobs() == []


@pytest.mark.parametrize("value", ["[::1]", "::1", "[::1],10.0.0.0/8,*.example", "localhost,[fe80::1]:80", "[", ",,"])
def test_any_list_of_hosts_without_proxy_is_read(service, proxy, monkeypatch, value):
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", value)
    with Client(service.url, TOKEN) as client:
        assert client.jobs() == []
    assert proxy.log == []
    Client("http://[::1]:9", TOKEN).close()


@pytest.mark.parametrize("value", ["*", "service.example", ".example", "other,service.example:8000"])
def test_no_proxy_names_the_server(proxy, monkeypatch, value):
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", value)
    assert find_route(find_connection(OUTSIDE, TOKEN)).proxy is None
    assert find_route(find_connection("http://elsewhere.test", TOKEN)).proxy == (None if value == "*" else proxy.url)


@pytest.mark.parametrize(
    ("value", "words"),
    [("socks5://u:secret@127.0.0.1:1", "httpx[socks]"), ("ftp://u:secret@127.0.0.1:1", "no proxy")],
)
def test_an_unusable_proxy_is_named_without_its_password(monkeypatch, value, words):
    monkeypatch.setenv("ALL_PROXY", value)
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(UsageError, match="ALL_PROXY") as error:
        Client(OUTSIDE, TOKEN)
    assert error.value.code == "bad_proxy"
    assert words in error.value.detail
    assert "NO_PROXY" in error.value.detail
    assert "secret" not in error.value.detail


@pytest.mark.parametrize("variable", ["E1_URL", "ALL_PROXY"])
def test_an_impossible_host_is_no_traceback(monkeypatch, variable):
    monkeypatch.setenv("E1_URL", OUTSIDE)
    monkeypatch.setenv(variable, "http://.:3")
    with Client(token=TOKEN) as client, pytest.raises(Misdirected, match="host name is invalid"):
        client.jobs()


def test_a_proxy_that_is_away_or_refuses_is_named(proxy, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("HTTPS_PROXY", gone)
    secure = OUTSIDE.replace("http:", "https:")
    with Client(secure, TOKEN) as client, pytest.raises(Unreachable, match=r"HTTPS_PROXY.*NO_PROXY"):
        client.jobs()
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with Client(secure, TOKEN) as client, pytest.raises(Unreachable, match=r"HTTPS_PROXY.*403.*NO_PROXY"):
        client.jobs()


def test_a_private_authority_works_on_this_machine_too(secure, authority, monkeypatch):
    """A tunnel ends on a loopback address, whose certificate is checked like any other."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    with Client(secure.url, TOKEN) as client:
        assert client.jobs() == []


@pytest.fixture
def leads_to_tls(secure):
    """Return a service without TLS that sends every GET to the one behind TLS. Both end with the test."""
    plain = FakeService()
    path = "/api/jobs/?page_size=20"
    plain.faults = [(302, b"", {"Location": f"{secure.url}{path}"})]
    yield plain
    plain.close()


def test_a_redirect_to_tls_trusts_whom_the_environment_names(secure, leads_to_tls, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    with Client(leads_to_tls.url, TOKEN) as client, pytest.raises(Unauthorised):
        client.jobs()
    (led,) = secure.sent("GET")
    assert "Authorization" not in led["headers"]  # another port is another service


def test_a_redirect_to_an_unknown_authority_is_not_followed(secure, leads_to_tls):
    with Client(leads_to_tls.url, TOKEN) as client, pytest.raises(Misdirected, match="not trusted"):
        client.jobs()
    assert secure.log == []


def test_an_unknown_authority_is_explained_and_not_asked_again(secure, authority, monkeypatch):
    lost = []
    with Client(secure.url, TOKEN, on_lost=lost.append) as client:
        with pytest.raises(Misdirected, match=r"not trusted.*SSL_CERT_FILE") as error:
            client.jobs()
        with pytest.raises(Misdirected):
            client.wait("00000000-0000-0000-0000-000000000000", timeout=60)
    assert error.value.code == "bad_certificate"
    assert lost == []


def test_a_certificate_of_another_name_is_explained(secure, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    with (
        Client(secure.url.replace("localhost", "127.0.0.1"), TOKEN) as client,
        pytest.raises(Misdirected, match=r"another name.*/etc/hosts"),
    ):
        client.jobs()


def test_https_to_a_plain_server_is_explained(service):
    url = service.url.replace("http:", "https:")
    with Client(url, TOKEN) as client, pytest.raises(Misdirected, match="http://"):
        client.jobs()


@pytest.mark.parametrize("kind", ["missing", "empty", "folder", "noise"])
def test_unusable_certificates_are_named(tmp_path, monkeypatch, kind):
    place = tmp_path / kind
    if kind == "folder":
        place.mkdir()
    elif kind != "missing":
        place.write_text("" if kind == "empty" else "no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE names .*PEM") as error:
        Client("https://service.example", TOKEN)
    assert error.value.code == "bad_certificates"
    Client("http://service.example", TOKEN).close()  # without TLS the variable doesn't matter


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_post_is_not_led_to_another_method_or_host(service, status):
    """Followed as a GET, it would answer 200 with the list, and no job would exist."""
    place = {301: "https://lab.example/e1/api/jobs/", 302: "/login/?next=/api/jobs/"}.get(
        status, "http://other/api/jobs/"
    )
    service.faults = [(status, b"", {"Location": place})]
    with Client(service.url, TOKEN) as client, pytest.raises(Misdirected, match="leads to") as error:
        client.submit_items(["MKT"], model="e1-demo", action="encode")
    assert error.value.code == "redirected"
    assert len(service.log) == 1
    assert (place if status == 302 else f"E1_URL={place.removesuffix('/api/jobs/')}") in error.value.detail


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_follows_a_redirect_that_keeps_it(service, status):
    service.faults = [(status, b"", {"Location": f"{service.url}/api/jobs/"})]
    with Client(service.url, TOKEN) as client:
        job = client.submit_items(["MKT"], model="e1-demo", action="encode", key="once")
    assert job.state == "queued"
    first, second = service.log
    assert second["method"] == "POST"
    assert second["fields"] == first["fields"]
    assert second["headers"]["Idempotency-Key"] == "once"


def test_a_limit_of_a_proxy_is_told_as_the_proxys(service):
    service.faults = [(413, b"<html><h1>413 Request Entity Too Large</h1>nginx</html>", {})]
    with Client(service.url, TOKEN) as client, pytest.raises(Exception, match=r"proxy.*client_max_body_size") as error:
        client.submit_items(["MKT"], model="e1-demo", action="encode")
    assert error.value.code == "proxy_too_large"
