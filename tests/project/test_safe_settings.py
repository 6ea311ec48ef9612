"""Safety of the settings: deployment checks, secrets, messages and checkpoints. ruff's rules check the code."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = {
    "E1_SECRET_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "DATABASE_URL": "postgresql://e1:secret@db.example.org:5432/e1",
    "REDIS_URL": "redis://:secret@queue.example.org:6379/0",
    "E1_ALLOWED_HOSTS": "e1.example.org",
    "E1_CSRF_TRUSTED_ORIGINS": "https://e1.example.org",
    "E1_HTTPS": "true",
    "E1_PROXIES": "1",
}


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "e1site.settings",
        **environment,
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_djangos_deployment_check_finds_nothing():
    done = python("-W", "error", "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


@pytest.mark.slow
def test_the_deployment_check_can_fail():
    done = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **{**PRODUCTION, "E1_HTTPS": "false"})
    assert done.returncode != 0
    assert "security.W012" in done.stderr, "cookies without TLS"


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_addresses_have_no_default(name):
    done = python("-c", "import e1site.settings", **{key: text for key, text in PRODUCTION.items() if key != name})
    assert done.returncode != 0
    assert f"Set the {name} environment variable" in done.stderr


@pytest.mark.slow
def test_the_web_process_alone_needs_the_key_that_signs_sessions():
    keyless = {key: text for key, text in PRODUCTION.items() if key != "E1_SECRET_KEY"}
    web = ("-m", "gunicorn", "--preload", "--check-config", "e1site.wsgi:application")
    done = python(*web, **keyless)
    assert done.returncode != 0
    assert "Set the E1_SECRET_KEY environment variable" in done.stderr
    assert python(*web, **PRODUCTION).returncode == 0
    worker = python("-c", "import django; django.setup(); import worker.tasks, jobs.tasks", **keyless)
    assert worker.returncode == 0, worker.stderr


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("a message was unpickled",))


def test_celery_takes_json_and_nothing_else():
    from kombu.exceptions import ContentDisallowed
    from kombu.serialization import loads

    from e1site import celery_app

    conf = celery_app.conf
    assert (conf.accept_content, conf.task_serializer) == (["json"], "json")
    assert conf.result_backend is None
    assert celery_app.backend.__class__.__name__ == "DisabledBackend"
    for kind in ("application/x-python-serialize", "application/x-yaml", "application/x-msgpack"):
        with pytest.raises(ContentDisallowed):
            loads(pickle.dumps(Boom()), kind, "binary", accept=celery_app.amqp.Queues and {"application/json"})
    consumer = celery_app.amqp.TaskConsumer(celery_app.connection_for_read().channel(), accept=conf.accept_content)
    assert consumer.accept == {"application/json"}


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "model.pt"])
def test_a_pickled_checkpoint_is_refused_and_never_opened(tmp_path, name):
    import torch

    from worker.model.errors import CheckpointError
    from worker.model.loader import load_model

    tiny = ROOT / "tests" / "data" / "e1-random-tiny"
    (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
    (tmp_path / name).write_bytes(pickle.dumps(Boom()))
    with pytest.raises(CheckpointError):
        load_model(tmp_path, device=torch.device("cpu"), dtype=torch.float32)
