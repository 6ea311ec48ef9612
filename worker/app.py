"""The Celery app: `celery -A worker.app worker -Q model.e1-600m`. Importing it opens no connection."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from contextlib import suppress
from typing import Any

import click
from celery import Celery, bootsteps
from celery.signals import (
    celeryd_after_setup,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
)

from e1protocol import model_queue
from e1protocol.cores import thread_settings

# A shell may have variables of another project. Celery prefers its own to the settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "e1site.settings"
for _name in ("BROKER_URL", "BROKER_READ_URL", "BROKER_WRITE_URL", "RESULT_BACKEND", "LOADER", "CUSTOM_WORKER_POOL"):
    os.environ.pop(f"CELERY_{_name}", None)

WORKER_MODEL = "E1_WORKER_MODEL"
"""Environment variable with the model that a spawned child process loads."""
WORKER_NAME = "E1_WORKER_NAME"
WORKER_RUN = "E1_WORKER_RUN"
"""Environment variable that names the start of the parent process; its children share it."""

WORKER_LEAVES = "E1_WORKER_LEAVES"
"""Environment variable with the seconds without work after which the worker leaves."""

WORKER_COST_CENTRE = "E1_WORKER_COST_CENTRE"
"""Environment variable with the cost centre whose work alone is computed; the option overrides it."""

WORKER_IGNORES = "E1_WORKER_IGNORES"
"""Environment variable with the signals that were ignored when the parent process started, such as SIGHUP by nohup."""
_ignored = [one.name for one in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(one) is signal.SIG_IGN]
"""Those of this process, before Celery installs its handlers."""

app = Celery("e1")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.imports = ["jobs.tasks", "worker.tasks"]


class LeaveWhenIdle(bootsteps.Step):
    """The option `--leave-when-idle SECONDS` of `celery worker`, for the child process, which knows what is done."""

    def __init__(self, parent: Any, leave_when_idle: float | None = None, **options: Any) -> None:
        super().__init__(parent, **options)
        os.environ.pop(WORKER_LEAVES, None)
        if leave_when_idle:
            os.environ[WORKER_LEAVES] = str(leave_when_idle)


class ForCostCentre(bootsteps.Step):
    """The option `--cost-centre NAME` of `celery worker`, for this process and its child."""

    def __init__(self, parent: Any, cost_centre: str | None = None, **options: Any) -> None:
        super().__init__(parent, **options)
        if cost_centre is not None:
            os.environ[WORKER_COST_CENTRE] = cost_centre


app.user_options["worker"].add(
    click.Option(
        ["--leave-when-idle"],
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="End in order after this time without work, for machines that cost money. 0: stay.",
    )
)
app.user_options["worker"].add(
    click.Option(
        ["--cost-centre"],
        metavar="NAME",
        help="Compute only the work of groups that are left to workers of this cost centre (E1_WORKER_COST_CENTRE).",
    )
)
app.steps["worker"].update({LeaveWhenIdle, ForCostCentre})


def _keep_ignored() -> None:
    """Ignore the signals again that the caller ignores. Celery would restart a worker at a SIGHUP despite nohup."""
    for name in filter(None, os.environ.get(WORKER_IGNORES, "").split(",")):
        signal.signal(signal.Signals[name], signal.SIG_IGN)


@celeryd_after_setup.connect
def _heed_the_caller(instance: Any, **_: Any) -> None:
    """Let the parent process keep what is ignored: Celery installs its handlers after this signal."""
    os.environ[WORKER_IGNORES] = ",".join(_ignored)  # for child processes
    install = instance.install_platform_tweaks

    def installed(worker: Any) -> None:
        install(worker)
        _keep_ignored()

    instance.install_platform_tweaks = installed


@worker_init.connect
def _fork_light_children(sender: Any, **_: Any) -> None:
    """Fork the children of workers without a model: they start at once, and share the memory of their programs.

    Those of a model are spawned, because CUDA does not work in forked processes. So are all on macOS, whose libraries
    may fail after a fork.
    """
    if sys.platform == "linux" and not _models_of(sender):
        sender.pool_start_method = "fork"


def _models_of(instance: Any) -> list[str]:
    """Return the models whose queues a worker was asked to serve."""
    return [name.removeprefix("model.") for name in instance.app.amqp.queues.consume_from if name.startswith("model.")]


@celeryd_after_setup.connect
def _note_model(sender: str, instance: Any, **_: Any) -> None:
    """Derive the model from the requested queues, in the parent process, for child processes to inherit.

    A worker of a cost centre reads its queue instead.
    """
    models = _models_of(instance)
    if len(models) > 1:
        raise SystemExit(f"one worker serves one model, but the queues of {', '.join(models)} were asked for")
    for name, value in thread_settings().items():
        os.environ.setdefault(name, value)
    os.environ[WORKER_NAME] = sender
    os.environ[WORKER_RUN] = uuid.uuid4().hex
    os.environ[WORKER_MODEL] = models[0] if models else ""
    if models and (cost_centre := os.environ.get(WORKER_COST_CENTRE, "")):
        instance.app.amqp.queues.select([model_queue(models[0], cost_centre=cost_centre)])


@task_prerun.connect
@task_postrun.connect
def _drop_dead_connections(**_: Any) -> None:
    """Replace connections that the database has closed, and old ones, before and after every task."""
    from django.db import close_old_connections

    close_old_connections()


def _heed_threads() -> None:
    """Limit the threads of numerical libraries, which a forked process has from its parent's import of them."""
    with suppress(ImportError):  # comes with the libraries that would use them
        from threadpoolctl import threadpool_limits

        threadpool_limits(limits=int(os.environ.get("OMP_NUM_THREADS") or 1))


@worker_process_init.connect
def _load_model(**_: Any) -> None:
    """Start the worker in the child process before it takes the first message."""
    _keep_ignored()
    if not os.environ.get(WORKER_MODEL):
        _heed_threads()
    else:
        from django.conf import settings

        from worker import tasks

        leave_after = float(os.environ.get(WORKER_LEAVES) or 0)
        tasks.start_worker(
            *(os.environ[WORKER_MODEL], os.environ[WORKER_NAME], os.environ[WORKER_RUN]),
            leave_after=leave_after,
            cost_centre=settings.E1_WORKER_COST_CENTRE,
        )


@worker_process_shutdown.connect
def _say_goodbye(**_: Any) -> None:
    """Stop the worker in the child process, so that it is not taken for alive until its heartbeat expires."""
    if os.environ.get(WORKER_MODEL):
        from worker import tasks

        tasks.stop_worker()
    from django.db import connections

    connections.close_all()
