"""A service under the path of an address, https://lab.example/e1/, behind real proxies that strip it or pass it on."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.deploy.composed import ROOT
from tests.deploy.proxy import Nginx, collect_static, find_nginx, make_certificate
from tests.e2e.steps import file, proteins, wait_for
from tests.stack import E1, Stack

LAB_PROXY = ROOT / "tests" / "deploy" / "lab-proxy"
SECONDS = 120
PAGES = 400
"""Most addresses that the crawler asks for: more than the pages of the jobs below have."""
ADDRESSES = ("href", "src", "action", "formaction", "poster", "data")
SCRIPTS = ("hx-get", "hx-post", "sse-connect")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    find_nginx()
    with tempfile.TemporaryDirectory(prefix="e1-prefix-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="module")
def stack(folder) -> Iterator[Stack]:
    """Start the service under /e1. `tests.e2e.conftest` has another one, without a prefix."""
    stack = Stack(folder / "data")
    stack.env |= {"E1_HTTPS": "true", "E1_PROXIES": "1"}
    try:
        stack.start("--prefix", "e1/")
        yield stack
    finally:
        stack.end()


@pytest.fixture(scope="module")
def certificate(folder) -> Path:
    return make_certificate(folder / "tls")


OURS = [pytest.param(kind, marks=pytest.mark.full) for kind in ("ours", "ours behind one that strips")]


@pytest.fixture(scope="module", params=["strips", "passes on", *OURS])
def address(request, folder, stack, certificate) -> Iterator[str]:
    """Start a proxy, or two, and return the address that people use."""
    web = stack.url.removeprefix("http://").removesuffix("/e1")
    name = request.param.replace(" ", "-")
    tls = {"E1_PROXY_CERTIFICATE": str(certificate)}
    started: list[Nginx] = []

    def start(settings: dict[str, str], **options: Path) -> Nginx:
        nginx = Nginx(folder / f"{name}-{len(started)}", settings | tls, **options)
        started.append(nginx)
        nginx.start()
        return nginx

    try:
        if request.param.startswith("ours"):
            files = folder / "files"
            if not files.exists():
                files.mkdir()
                collect_static(files)
            outer = request.param != "ours"
            kind = {"E1_HTTPS": "true"} if outer else {"E1_PROXY": "https"}
            own = start({"E1_PREFIX": "/e1", "E1_PROXY_WEB": web, "E1_PROXY_FILES": str(files)} | kind)
            web = own.http.removeprefix("http://")
            front = start({"E1_PROXY_WEB": web, "E1_TRAIL": "/"}, templates=LAB_PROXY) if outer else own
        else:
            trail = "/" if request.param == "strips" else ""
            front = start({"E1_PROXY_WEB": web, "E1_TRAIL": trail}, templates=LAB_PROXY)
        yield f"{front.https}/e1"
    finally:
        for nginx in started:
            nginx.stop()


@pytest.fixture(scope="module")
def jobs(stack, folder) -> dict[str, str]:
    """Make jobs whose pages have every kind of link."""
    made = {}
    parent = "MKTAYIAKQRQISFVKSHFSRQ"
    with stack.client() as client:
        library = folder / "families.fasta"
        library.write_text(proteins(40))
        one = folder / "one.fasta"
        one.write_text(f">parent\n{parent}\n")
        for action, path in (("encode", library), ("log_prob", library), ("scan", one), ("contacts", one)):
            made[action] = client.submit(path, model="e1-demo", action=action, name=f"{action} of some").id
        for job in made.values():
            assert client.wait(job, timeout=SECONDS).state == "succeeded"
        client.create_context_set("family", [[parent]])
    return made


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Open a page that notes every request outside of the prefix, and every error of a script."""
    context = browser.new_context(base_url=address, ignore_https_errors=True, accept_downloads=True)
    context.set_default_timeout(30_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("request", lambda sent: faults.append(sent.url) if not is_inside(sent.url, address) else None)
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("response", lambda answer: faults.append(f"{answer.status} {answer.url}") if answer.status > 400 else None)
    yield page
    context.close()
    assert faults == []


def is_inside(url: str, address: str) -> bool:
    return url.startswith((f"{address}/", "data:", "blob:"))


def goto(page: Page, address: str, path: str) -> None:
    page.goto(f"{address}{path}")


def log_in(page: Page, address: str, password: str) -> None:
    goto(page, address, "/service/")
    expect(page).to_have_url(f"{address}/login/?next=/e1/service/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{address}/service/")


def test_a_person_logs_in_submits_watches_downloads_and_makes_a_map(page, address, stack):
    log_in(page, address, stack.password)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert {cookie["path"] for cookie in cookies.values()} == {"/e1/"}
    assert all(name.startswith("__Secure-") and cookie["secure"] for name, cookie in cookies.items())

    page.get_by_role("link", name="New job").click()
    page.locator("#id_action").select_option("encode")
    page.locator("#id_file").set_input_files(file("families.fasta", proteins(40)))
    expect(page.get_by_role("main")).to_contain_text("40")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="families.fasta")).to_be_visible(timeout=60_000)
    wait_for(page, "succeeded")

    with page.expect_download() as started:
        page.locator("a[href*='format=csv']").first.click()
    assert Path(started.value.path()).stat().st_size > 1000

    page.get_by_role("link", name="Open map").click()
    page.get_by_label("Method").select_option("pca")
    page.get_by_role("button", name="Make the map").click()
    expect(page.locator("#builds")).to_contain_text("ready", timeout=120_000)
    page.reload()
    expect(page.locator("point-map")).to_have_attribute("data-ready", "")
    page.locator("point-map canvas").nth(1).press("Home")
    page.keyboard.press("Enter")
    expect(page.locator("#point-panel ol li")).to_have_count(10)
    page.locator("summary", has_text="Account").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{address}/login/")


class Addresses(HTMLParser):
    """Collects what a page leads to: links, scripts, styles, forms, and addresses that scripts read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            known = name in ADDRESSES or name in SCRIPTS
            if value and (known or (name.startswith("data-") and value.startswith("/"))):
                self.found.add(value)
            elif value and name == "content" and "url=" in value:
                self.found.add(value.partition("url=")[2])


def leads(answer: httpx.Response) -> set[str]:
    """Return the addresses that an answer leads to, as absolute ones without a fragment."""
    kind = answer.headers.get("content-type", "")
    found: set[str] = set()
    if "html" in kind:
        parser = Addresses()
        parser.feed(answer.text)
        found = parser.found
    elif "css" in kind:
        found = set(re.findall(r"url\([\"']?([^\"')]+)", answer.text))
    elif "javascript" in kind:
        # What bundles import, and absolute paths among their words.
        found = set(re.findall(r"""(?:from|import\(?)\s*["'`](\.{1,2}/[^"'`]+)""", answer.text))
        own = "account|admin|api|contexts|help|jobs|login|logout|service|static"
        found |= set(re.findall(rf"""["'`](/(?:{own})/[^"'`$]*)""", answer.text))
    elif "json" in kind:
        found = set(re.findall(r'"(/[^"]*)"', answer.text)) if '"paths"' not in answer.text else set()
    if "location" in answer.headers:
        found.add(answer.headers["location"])
    return {urldefrag(urljoin(str(answer.url), one))[0] for one in found}


def crawl(client: httpx.Client, address: str, first: list[str]) -> tuple[dict[str, str], dict[str, int], set[str]]:
    """Ask for everything that these addresses lead to on this host.

    Return what is outside of the prefix with the page that leads there, the statuses of refusals, and the media types.
    """
    waiting = deque(first)
    known, outside, refused, kinds = set(first), {}, {}, set()
    for _ in range(PAGES):
        if not waiting:
            break
        url = waiting.popleft()
        answer = client.get(url)
        kinds.add(answer.headers.get("content-type", "").partition(";")[0])
        if answer.status_code >= 400:
            refused[url] = answer.status_code
        for lead in leads(answer):
            parts = urlsplit(lead)
            if parts.scheme not in ("http", "https") or parts.netloc != urlsplit(address).netloc:
                continue
            if not f"{parts.path}/".startswith("/e1/"):
                outside[lead] = url
            # One page of each shape: jobs have as many pages as items, and the admin's lists have many filters.
            names = [] if "/admin/" in parts.path else sorted(re.findall(r"(\w+)=", parts.query))
            shape = re.sub(r"/\d+(?=/|$)", "/N", parts.path) + str(names)
            if lead not in known and shape not in known and "logout" not in lead and "/events/" not in lead:
                known |= {lead, shape}
                waiting.append(lead)
    return outside, refused, kinds


def log_in_by_form(client: httpx.Client, address: str, password: str) -> None:
    login = client.get(f"{address}/login/")
    field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', login.text)
    assert field
    form = {"csrfmiddlewaretoken": field[1], "username": "admin", "password": password}
    assert client.post(login.url, data=form, headers={"Referer": str(login.url)}).status_code == 302


def test_no_page_script_or_form_leads_out_of_the_prefix(address, stack, jobs, certificate):
    with httpx.Client(verify=ssl.create_default_context(cafile=certificate / "cert.pem"), timeout=SECONDS) as client:
        log_in_by_form(client, address, stack.password)
        first = [f"{address}/", f"{address}/admin/", f"{address}/api/schema/"]
        first += [f"{address}/api/jobs/{job}/" for job in jobs.values()]
        outside, refused, kinds = crawl(client, address, first)
    assert outside == {}
    # Addresses of forms refuse to be read.
    assert {url: status for url, status in refused.items() if status not in (403, 405)} == {}
    assert {"text/html", "text/css", "text/javascript", "application/json", "text/csv"} <= kinds


def test_programs_use_the_prefix(address, stack, jobs, certificate, tmp_path):
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    env |= {"E1_URL": address, "E1_TOKEN": stack.token, "SSL_CERT_FILE": str(certificate / "cert.pem")}

    def e1(*arguments: str) -> str:
        done = subprocess.run([E1, *arguments], env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    library = tmp_path / "library.fasta"
    library.write_text(">one\nMKTAYIAKQR\n>two\nMKTAYIAKQW\n")
    out = tmp_path / "out.csv"
    e1("submit", str(library), "--action", "log_prob", "--model", "e1-demo", "--out", str(out))
    assert out.read_text().count("\n") >= 3
    trust = ssl.create_default_context(cafile=certificate / "cert.pem")
    with httpx.Client(verify=trust, headers={"Authorization": f"Token {stack.token}"}, timeout=SECONDS) as client:
        document = client.get(f"{address}/api/schema/").json()
        assert document["servers"] == [{"url": "/e1"}]
        assert "/api/jobs/" in document["paths"]
        for probe in ("livez", "readyz"):
            assert client.get(f"{address}/{probe}").status_code == 200
        body = {"model": "e1-demo", "action": "log_prob", "items": [{"sequence": "MKT"}]}
        made = client.post(f"{address}/api/jobs", json=body)
        assert made.status_code == 202, made.text
        assert made.json()["links"]["self"].startswith("/e1/api/jobs/")
        assert client.get(f"{address}/api/nothing/").json()["code"] == "not_found"
        assert client.get(f"{address}/api/jobs/").headers["cache-control"] == "private, no-store"


def test_the_address_without_its_last_slash_leads_to_the_pages(stack):
    answer = httpx.get(stack.url)
    assert (answer.status_code, answer.headers["location"]) == (308, "/e1/")
