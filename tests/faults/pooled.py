"""`e1 up` with pgbouncer between the service and its Postgres: `python -m tests.faults.pooled up ...`.

Only addresses differ from `e1 up`: web, workers and beat connect to the pool, and the migration to Postgres itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e1client.cli import app
from e1site import local
from e1site.stack import environment, servers
from e1site.stack.folder import DataFolder
from e1site.stack.parts import Part
from e1site.stack.supervisor import Supervisor
from tests import pooler

SESSIONS = 30
"""Sessions of Postgres for all clients of the pool, which are some 180."""


def pool_folder(folder: DataFolder) -> Path:
    return folder.sockets / "pool"


def pooled_url(folder: DataFolder) -> str:
    """Return the address of the database behind the pool."""
    return f"postgresql://{servers.SERVICE_ROLE}@/{servers.DATABASE}?host={pool_folder(folder)}"


def main() -> None:
    start_stores, children_environment = local._start_stores, environment.children_environment

    def with_pool(folder: DataFolder, supervisor: Supervisor, *, connections: int) -> None:
        start_stores(folder, supervisor, connections=connections)
        command = pooler.command(pool_folder(folder), folder.sockets / "pg", sessions=SESSIONS)
        supervisor.start(Part("pgbouncer", tuple(command), stage=0, stop_seconds=5))
        local._await(folder, supervisor, "pgbouncer", lambda: pooler.answers(pool_folder(folder)))

    def to_pool(folder: DataFolder, *arguments: Any, **named: Any) -> dict[str, str]:
        return children_environment(folder, *arguments, **named) | {"DATABASE_URL": pooled_url(folder)}

    local._start_stores = with_pool
    local.children_environment = to_pool
    app()


if __name__ == "__main__":
    main()
