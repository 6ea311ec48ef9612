"""Why the embedded stack cannot start."""

from __future__ import annotations


class StackError(Exception):
    """A refusal to start. `str()` says what is wrong, where, and what to do; `code` is stable.

    Codes: data_folder_in_use, data_folder_unusable, port_in_use, no_postgres, no_valkey, postgres_failed,
    postgres_of_another_version, restore_unfinished, valkey_failed, migration_failed, unknown_model, cannot_run,
    bad_argument, bad_setting, slow, still_stopping.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class StopRequested(Exception):
    """A signal asked the stack to stop while it was still starting."""
