"""Checks that a request counts and stores under its owner's lock, from its statements."""

from __future__ import annotations

from django.test.utils import CaptureQueriesContext


def assert_counted_under_the_owners_lock(asked: CaptureQueriesContext, *, counted: str, stored: str) -> None:
    """The quota's row is locked before the table `counted` is counted, and that before a row of `stored` is made, all
    in one transaction.
    """
    told = [query["sql"] for query in asked]
    locked = next(at for at, sql in enumerate(told) if "jobs_quota" in sql and sql.endswith("FOR UPDATE"))
    count = next(at for at, sql in enumerate(told) if "COUNT(*)" in sql and counted in sql)
    insert = next(at for at, sql in enumerate(told) if sql.startswith(f'INSERT INTO "{stored}"'))
    assert locked < count < insert
    assert not any(sql.startswith("RELEASE") for sql in told[locked:insert]), "in one transaction"
