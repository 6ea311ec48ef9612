"""The Celery app: `celery -A worker.app worker -Q model.e1-600m`. Importing it opens no connection."""

from __future__ import annotations

import os
import uuid
from typing import Any

from celery import Celery
from celery.signals import (
    celeryd_after_setup,
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "e1site.settings")

WORKER_MODEL = "E1_WORKER_MODEL"
"""Environment variable by which the parent process tells its spawned child which model to load."""
WORKER_NAME = "E1_WORKER_NAME"
WORKER_RUN = "E1_WORKER_RUN"
"""Names this start of the parent process: children that replace each other share it."""

app = Celery("e1")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.imports = ["jobs.tasks", "worker.tasks"]


@celeryd_after_setup.connect
def _note_model(sender: str, instance: Any, **_: Any) -> None:
    """Parent process: find the model from the queues that were asked for, for the children to inherit."""
    queues = [name for name in instance.app.amqp.queues.consume_from if name.startswith("model.")]
    if len(queues) > 1:
        raise SystemExit(f"one worker serves one model, but the queues {', '.join(queues)} were asked for")
    # OpenMP's threads spin while they wait for each other. Where anything else wants a core (the web process, the
    # database, a neighbour) spinning made a worker of two threads six times as slow; sleeping costs nothing measurable.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ[WORKER_NAME] = sender
    os.environ[WORKER_RUN] = uuid.uuid4().hex
    os.environ[WORKER_MODEL] = queues[0].removeprefix("model.") if queues else ""


@task_prerun.connect
@task_postrun.connect
def _drop_dead_connections(**_: Any) -> None:
    """At every task's border: a connection that the database has closed is replaced, not used again and again.

    Celery does this by itself in forked children only; a spawned one never hears of it.
    """
    from django.db import close_old_connections

    close_old_connections()


@worker_process_init.connect
def _load_model(**_: Any) -> None:
    """Child process: load the network and prove it on a known answer, before the first message is taken."""
    if os.environ.get(WORKER_MODEL):
        from worker import tasks

        tasks.start_worker(os.environ[WORKER_MODEL], os.environ[WORKER_NAME], os.environ[WORKER_RUN])


@worker_process_shutdown.connect
def _say_goodbye(**_: Any) -> None:
    """Child process: a worker that stops in order is gone at once, not after its heartbeat runs out."""
    if os.environ.get(WORKER_MODEL):
        from worker import tasks

        tasks.stop_worker()
