"""Retries of this package without stamina's log lines, which Python prints as warnings: `on_lost` reports them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import stamina


class _Quiet(threading.local):
    now = False


_quietly = _Quiet()
"""Whether this thread schedules a retry of ours: `on_lost` reports it, and stamina must not log it as well."""


def quiet(attempts: Iterable[stamina.Attempt]) -> Iterator[stamina.Attempt]:
    """Yield the attempts. stamina's hooks are not called for them; other users of stamina keep theirs."""
    _guard_hooks()
    waiting = iter(attempts)
    while True:
        _quietly.now = True
        try:
            attempt = next(waiting)  # schedules the retry and sleeps
        except StopIteration:
            return
        finally:
            _quietly.now = False
        yield attempt


def _guard_hooks() -> None:
    """Wrap the hooks of stamina that are not wrapped yet."""
    hooks = stamina.instrumentation.get_on_retry_hooks()
    if not all(isinstance(hook, _Guarded) for hook in hooks):
        guarded = [hook if isinstance(hook, _Guarded) else _Guarded(hook) for hook in hooks]
        stamina.instrumentation.set_on_retry_hooks(guarded)


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A hook that is silent while a retry of ours is scheduled."""

    hook: stamina.instrumentation.RetryHook

    def __call__(self, details: stamina.instrumentation.RetryDetails) -> AbstractContextManager[None] | None:
        return None if _quietly.now else self.hook(details)
