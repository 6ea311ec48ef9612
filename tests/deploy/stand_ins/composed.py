"""docker-compose.yml started by Compose on Podman's socket, with health checks and restarts."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from e1site.stack.processes import wait_gone
from tests.deploy.stand_ins.podman import Podman

SECONDS = 1_800
OURS = re.compile(r"E1_|COMPOSE_|DATABASE_URL$|REDIS_URL$|DOCKER_")


class Compose:
    """A person's commands in a checkout with its `.env`. `files` are as COMPOSE_FILE names them."""

    def __init__(self, podman: Podman, checkout: Path, project: str, **settings: str) -> None:
        self.podman, self.checkout, self.project = podman, checkout, project
        self.settings = {
            "E1_SECRET_KEY": secrets.token_hex(32),
            **{f"E1_{name}_PASSWORD": secrets.token_hex(24) for name in ("POSTGRES", "SERVICE", "VALKEY")},
            "E1_MODELS": "e1-demo",
            "COMPOSE_PROFILES": "cpu",
            "COMPOSE_PROJECT_NAME": project,
            **settings,
        }

    def change(self, **settings: str) -> None:
        """Edit `.env`."""
        self.settings |= settings
        lines = "".join(f"{name}={value}\n" for name, value in self.settings.items())
        (self.checkout / ".env").write_text(lines)

    def run(self, *arguments: str) -> bytes:
        """Return the standard output of `docker compose ARGUMENTS`."""
        done = self.ended(*arguments)
        if done.returncode != 0:
            said = done.stdout.decode()[-1500:] + done.stderr.decode()[-3000:]
            raise AssertionError(f"docker-compose {' '.join(arguments)} ended with {done.returncode}:\n{said}")
        return done.stdout

    def ended(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run `docker compose ARGUMENTS` to its end, however it ends."""
        self.change()
        env = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        env |= {"DOCKER_HOST": f"unix://{self.podman.socket}", "COMPOSE_HTTP_TIMEOUT": "600"}
        # The old Compose of Debian reads these two from `.env` only in part.
        env |= {name: self.settings[name] for name in ("COMPOSE_PROFILES", "COMPOSE_FILE") if name in self.settings}
        return subprocess.run(["docker-compose", *arguments], cwd=self.checkout, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=SECONDS, check=False)  # fmt: skip

    def container(self, service: str) -> str:
        """Return the name of the service's container; empty if there is none."""
        filters = {"label": f"com.docker.compose.project={self.project}"}
        for found in self.podman.containers(filters):
            labels = found["Labels"]
            if labels["com.docker.compose.service"] == service and labels["com.docker.compose.oneoff"] == "False":
                return str(found["Names"][0])
        return ""

    def state(self, service: str) -> str:
        """Return "healthy", "unhealthy", "starting", "running", "exited 0" or the like."""
        name = self.container(service)
        if not name:
            return "missing"
        state = self.podman.inspect(name)["State"]
        if state["Status"] != "running":
            return f"{state['Status']} {state['ExitCode']}"
        health = state.get("Health") or state.get("Healthcheck") or {}
        return str(health.get("Status") or "running")

    def await_state(self, services: Iterable[str], state: str = "healthy") -> None:
        for service in services:
            if not wait_gone(lambda s=service: self.state(s) != state, SECONDS):
                log = self.podman.run("logs", "--tail=40", self.container(service), check=False)
                raise AssertionError(f"{service} is {self.state(service)}, not {state}:\n{log}")

    def crash(self, service: str) -> None:
        """Kill the first process of a container behind Podman's back, and wait until another has taken its place."""
        name = self.container(service)
        before = self.podman.inspect(name)["State"]["Pid"]
        os.kill(before, signal.SIGKILL)

        def gone() -> bool:
            state = self.podman.inspect(name)["State"]
            return not (state["Status"] == "running" and state["Pid"] not in (0, before))

        assert wait_gone(gone, SECONDS), f"{service} was not started again: {self.state(service)}"


class Health:
    """Runs the containers' health checks at their intervals, as Docker does and Podman without systemd does not."""

    def __init__(self, podman: Podman, project: str) -> None:
        self.podman, self.project = podman, project
        self._end = threading.Event()
        self._next: dict[str, float] = {}
        self._intervals: dict[str, float] = {}
        self._thread = threading.Thread(target=self._repeat, name="health", daemon=True)

    def __enter__(self) -> Health:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(120)

    def _repeat(self) -> None:
        while not self._end.wait(2):
            try:
                running = self.podman.containers(
                    {"label": f"com.docker.compose.project={self.project}", "status": "running"}
                )
            except subprocess.CalledProcessError:
                continue
            for found in running:
                self._check(found["Id"])

    def _check(self, container: str) -> None:
        if container not in self._intervals:
            try:
                asked = self.podman.inspect(container)["Config"].get("Healthcheck") or {}
            except subprocess.CalledProcessError:
                return
            self._intervals[container] = (
                asked.get("Interval", 0) / 1e9 if asked.get("Test", ["NONE"]) != ["NONE"] else 0
            )
        interval = self._intervals[container]
        if interval and time.monotonic() >= self._next.get(container, 0):
            self.podman.run("healthcheck", "run", container, check=False)
            self._next[container] = time.monotonic() + interval
