"""Generated requests, good and bad: the OpenAPI document names every answer.

Collecting this module takes seconds, so `tests/conftest.py` leaves it out of runs without slow tests.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode

from e1site.wsgi import application
from jobs.accounts.tokens import token_create
from jobs.api import events
from jobs.web.rest.bodies import WORKBOOK

pytestmark = [
    pytest.mark.django_db,
    # schemathesis' client does not close its answers, as a server does, and so leaves uploads to the garbage collector.
    pytest.mark.filterwarnings("ignore:.*upload:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

EXAMPLES = 12
"""Random requests for each call, in addition to those at the document's limits."""


@schemathesis.serializer("application/gzip", "application/x-ndjson", WORKBOOK)
def as_it_is(ctx, value):
    """Encode random bytes unchanged."""
    return value if isinstance(value, bytes) else str(value).encode()


schema = schemathesis.openapi.from_wsgi("/api/schema/", application)
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
QUIET = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def leftovers() -> Iterator[None]:
    """Collect garbage under this module's warning filters, not in another module's test."""
    yield
    gc.collect()


@pytest.fixture
def token(db, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(events, "close_old_connections", lambda: None)
    monkeypatch.setattr(events, "LONGEST_STREAM_SECONDS", 0.001)
    # The test's transaction is in the connection that would be closed after each request.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    user = User.objects.create(username="fuzz")
    yield token_create(owner=user, name="fuzz", days=None)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


LEFT_OUT = (
    # A schema can't express residues, a model's letters or FASTA. A valid request can still be refused.
    # tests/intake/test_api.py and others test what is accepted.
    schemathesis.checks.positive_data_acceptance,
)


@pytest.mark.slow
@schema.parametrize()
@QUIET
def test_every_answer_is_documented(case, token):
    case.call_and_validate(headers={"Authorization": f"Token {token}"}, excluded_checks=LEFT_OUT)
