"""`manage.py e1_worker_drain NAME`: drains a worker before a deploy or a repair."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandParser

from jobs.fleet.workers import worker_drain
from jobs.management.refusals import GAVE_UP, Refusal, ServiceCommand
from jobs.models import Worker
from jobs.operations import queues as fleet

PAUSE = 0.5
LOOKS = 2


class Command(ServiceCommand):
    help = "Have a worker finish what it has leased and take nothing more; with --undo, have it take work again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the worker's name, or the part before the @ where no other has it")
        parser.add_argument("--undo", action="store_true", help="take work again")
        parser.add_argument(
            "--wait", type=float, metavar="SECONDS", help="wait until it holds nothing; exit 6 after that"
        )

    def handle(self, *args: Any, name: str, undo: bool, wait: float | None, **options: Any) -> None:
        full = worker_drain(name=name, draining=not undo)
        if undo:
            self.stdout.write(f"{full} takes work again")
            return
        self.stdout.write(f"{full} drains")
        if wait is not None:
            self._wait(full, Worker.objects.get(name=full).model, wait)

    def _holds(self, name: str, model: str) -> bool:
        return any(seen.leased for seen in fleet.workers_seen(model) if seen.worker.name == name and seen.alive)

    def _wait(self, name: str, model: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        quiet = 0
        # Twice in a row: the worker may have checked for a drain just before this one, and claim once more.
        while (quiet := 0 if self._holds(name, model) else quiet + 1) < LOOKS:
            if not quiet and time.monotonic() > end:
                raise Refusal(
                    f"{name} still computes after {seconds:g} s; it goes on draining",
                    code="still_computes",
                    status=GAVE_UP,
                )
            time.sleep(PAUSE)
        self.stdout.write(f"{name} is drained: it can be stopped")
