"""nginx with the deployment's configuration, without a container, in front of any web process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from e1site.stack.processes import wait_gone
from tests.deploy.composed import ROOT, stages
from tests.needed import needed_program

START_SECONDS = 60
TEMPLATES = ROOT / "deploy" / "nginx"


def find_nginx() -> str:
    return needed_program("nginx", package="nginx-light", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(place: Path) -> Path:
    """Make a folder with a certificate for 127.0.0.1 and its key, and return it."""
    openssl = needed_program("openssl", package="openssl")
    place.mkdir()
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem")]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([openssl, "req", "-x509", "-days", "2", *key, *subject, *files], capture_output=True, check=True)
    return place


def collect_static(folder: Path) -> Path:
    """Collect the static files into this folder with the Dockerfile's own command, and return it."""
    command = re.search(r"^RUN (DATABASE_URL=.+?) --no-input$", stages()["web"], re.MULTILINE | re.DOTALL)
    assert command
    text = command[1].replace("\\\n", " ").replace("/srv", str(folder)).replace("python", sys.executable)
    env = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "e1site.settings"}
    shell = ["sh", "-ec", f"{text} --no-input"]
    done = subprocess.run(shell, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def image_environment() -> dict[str, str]:
    """The variables that the image of the proxy sets."""
    return {name: value.strip('"') for name, value in re.findall(r"\b((?:E1|NGINX)_\w+)=(\S+)", stages()["proxy"])}


@dataclass
class Nginx:
    """The image's command on rendered templates. `settings` override the environment of the image."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    templates: Path = TEMPLATES
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the health port answers."""
        program = find_nginx()
        self.folder.mkdir()
        ports = {name: str(free_port()) for name in ("E1_PROXY_PORT", "E1_PROXY_TLS_PORT", "E1_PROXY_HEALTH_PORT")}
        # 192.0.2.1 is no resolver: none is needed if the web process has an address.
        self.env = {**image_environment(), "NGINX_LOCAL_RESOLVERS": "192.0.2.1", **ports, **self.settings}
        self._render(program)
        directives = "daemon off;"
        if os.geteuid() == 0:
            directives += " user root;"  # other users cannot read the test's folders; the image does not start as root
        paths = ["-e", "stderr", "-p", f"{self.folder}/", "-c", str(self.folder / "nginx.conf")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([program, *paths, "-g", directives], stdout=log, stderr=subprocess.STDOUT)
        wait_gone(lambda: not self._healthy() and self.process.poll() is None, START_SECONDS)
        assert self._healthy(), self.log.read_text()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=20)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.env['E1_PROXY_PORT']}"

    @property
    def https(self) -> str:
        return f"https://127.0.0.1:{self.env['E1_PROXY_TLS_PORT']}"

    def buffered(self) -> list[Path]:
        """Return the request bodies that it keeps on disk."""
        return [path for path in self.folder.glob("temp-*/**/*") if path.is_file()]

    def _render(self, program: str) -> None:
        """Fill in these names only, as envsubst in the image's entry point does; nginx's own variables stay."""
        version = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
        number = tuple(int(part) for part in re.findall(r"nginx/(\d+)\.(\d+)\.(\d+)", version)[0])
        wanted = re.compile(self.env["NGINX_ENVSUBST_FILTER"])
        for template in self.templates.glob("*.template"):
            text = re.sub(
                r"\$\{(\w+)\}",
                lambda found: self.env[found[1]] if wanted.search(found[1]) else found[0],
                template.read_text(),
            )
            if number < (1, 25, 1):  # Debian 12 has 1.22, where the directive has another name
                text = text.replace("http2 on;", "")
            (self.folder / template.stem).write_text(text)

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.env['E1_PROXY_HEALTH_PORT']}/", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False
