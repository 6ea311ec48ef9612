"""Connections lost below Django: COPY and psycopg's cursors raise Django's errors, and the answer is 503."""

from __future__ import annotations

import psycopg
import pytest
from django.db import OperationalError, connection

from jobs.actions.columns import number_column
from jobs.intake.ingest import Request, _copy_items, job_create
from jobs.library.chunking import ItemCost, ItemCutter
from jobs.library.chunks import chunks_copy
from jobs.models import Job
from jobs.results.export.chunkwise import ChunkOrder, chunk_arrays
from jobs.results.export.reading import _bytes_of
from jobs.variants.rows import numbers_of
from tests.factories import record

pytestmark = pytest.mark.django_db(transaction=True)


def rows_of_a_download(job: Job) -> None:
    _bytes_of([1])


def chunks_of_a_download(job: Job) -> None:
    order = ChunkOrder()
    order.chunk_ids.append(1)
    order.items.append(1)
    list(chunk_arrays(order, number_column("log_prob")))


def scores_of_variants(job: Job) -> None:
    numbers_of([1])


def chunks_of_an_upload(job: Job) -> None:
    chunks_copy(job, ItemCutter().chunks([ItemCost(0, 10, None)]))


def items_of_an_upload(job: Job) -> None:
    _copy_items(job, [record(0)], {}, {})


def lose_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    info = connection.connection.info
    with psycopg.connect(host=info.host, port=info.port, user=info.user, dbname=info.dbname) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [backend]).fetchone()[0]


@pytest.mark.parametrize(
    "use", [rows_of_a_download, chunks_of_a_download, scores_of_variants, chunks_of_an_upload, items_of_an_upload]
)
def test_a_lost_connection_is_a_database_that_does_not_answer(person, use):
    job = job_create(owner=person, request=Request(model="e1-demo", action="log_prob", params={}))
    lose_connection()
    try:
        with pytest.raises(OperationalError):
            use(job)
    finally:
        connection.close()
