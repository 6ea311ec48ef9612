"""The two roles of the database: the owner, who changes tables, and the service's role, which may only use them.

The role of `DATABASE_URL` runs web and workers. It is no superuser and owns nothing, so that an injected statement can
neither run programs nor change tables (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import environ
import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, ProgrammingError, connection, connections
from psycopg import sql

from jobs.management.refusals import Refusal

READ_ONLY = "django_migrations"
"""The one table that only the owner writes."""


@contextmanager
def as_owner(url: str) -> Iterator[None]:
    """Run the block as the role of this address. Raises Refusal unless it is another role of the same database."""
    service = connections[DEFAULT_DB_ALIAS]
    config = environ.Env.db_url_config(url)
    if config["NAME"] != service.settings_dict["NAME"]:
        raise Refusal("E1_OWNER_DATABASE_URL and DATABASE_URL must name the same database", code="two_databases")
    if config["USER"] == service.settings_dict["USER"]:
        raise Refusal(
            "E1_OWNER_DATABASE_URL and DATABASE_URL name the same role; set DATABASE_URL to that of the service, "
            "or remove E1_OWNER_DATABASE_URL to do everything with one role",
            code="same_role",
        )
    owner = connections.create_connection(DEFAULT_DB_ALIAS)
    owner.settings_dict = {**owner.settings_dict, "OPTIONS": {}, **config}
    connections[DEFAULT_DB_ALIAS] = owner
    try:
        yield
    finally:
        owner.close()
        connections[DEFAULT_DB_ALIAS] = service


def role_admit(service: dict[str, Any]) -> list[str]:
    """Create the service's role if it is missing, and grant what it needs. Call it as the owner, after migrating.

    `service` are Django's settings of the service's connection. Returns what is left for an administrator to do.
    """
    name, password = str(service["USER"]), str(service["PASSWORD"])
    if not _one("SELECT count(*) FROM pg_roles WHERE rolname = %s", name):
        _create_or_alter("CREATE", name, password)
    elif password and not _can_log_in(service):
        _create_or_alter("ALTER", name, password)
    _grant(name)
    return list(_too_much(name))


def _grant(name: str) -> None:
    """Grant reading and writing rows of our tables. Tables of other programs in the database are left alone."""
    role = sql.Identifier(name)
    tables = [*connection.introspection.django_table_names(only_existing=True), READ_ONLY]
    with connection.cursor() as cursor:
        sequences = [found["name"] for found in connection.introspection.sequence_list()]
        listed = sql.SQL(", ").join(map(sql.Identifier, tables))
        numbers = sql.SQL(", ").join(map(sql.Identifier, sequences))
        for statement in (
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(listed, role),
            sql.SQL("GRANT USAGE, SELECT ON SEQUENCE {} TO {}").format(numbers, role),
            sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}").format(sql.Identifier(READ_ONLY), role),
        ):
            cursor.execute(statement)


def _create_or_alter(verb: str, name: str, password: str) -> None:
    """Create a role that may log in, or change its password. Raises Refusal if the owner may not."""
    with connection.cursor() as cursor:
        # The server gets the password as it stores it, so that no log has it.
        raw: psycopg.Connection[Any] = connection.connection
        secret = raw.pgconn.encrypt_password(password.encode(), name.encode()).decode() if password else None
        statement = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(secret))
        try:
            cursor.execute(statement)
        except ProgrammingError as error:
            raise Refusal(
                f"the role {name} of DATABASE_URL cannot log in, and the role of E1_OWNER_DATABASE_URL may not "
                f"{verb.lower()} it ({str(error).strip()}); as an administrator of Postgres run: "
                f"{verb} ROLE {name} LOGIN PASSWORD '...'",
                code="role_refused",
            ) from error


def _can_log_in(service: dict[str, Any]) -> bool:
    tried = connections.create_connection(DEFAULT_DB_ALIAS)
    tried.settings_dict = service
    try:
        tried.ensure_connection()
    except Error:
        return False
    finally:
        tried.close()
    return True


def _too_much(name: str) -> Iterator[str]:
    """Yield what the role may do beyond what the service needs."""
    if _one("SELECT rolsuper::int FROM pg_roles WHERE rolname = %s", name):
        yield f"the role {name} is a superuser, which the service does not need: ALTER ROLE {name} NOSUPERUSER"
        return
    if _one("SELECT pg_has_role(%s, current_user, 'MEMBER')::int", name):
        yield f"the role {name} is a member of the owner's role: REVOKE that membership"
    if _one("SELECT has_schema_privilege(%s, current_schema(), 'CREATE')::int", name):
        yield f"the role {name} may create tables: REVOKE CREATE ON SCHEMA public FROM PUBLIC, {name}"


def _one(query: str, *values: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return int(cursor.fetchone()[0])
