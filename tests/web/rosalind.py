"""Objects of one user, Rosalind, for every parameter of a route, and requests with their addresses."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.accounts.tokens import token_create
from jobs.alignments.services import alignment_store
from jobs.api import events
from jobs.campaigns.services import campaign_create, property_create
from jobs.contexts.services import context_set_create
from jobs.maps.columns import columns_add
from jobs.models import (
    Alignment,
    Annotation,
    ApiToken,
    Artefact,
    Assay,
    Campaign,
    ContextSet,
    HomologSearch,
    Item,
    Job,
    PredictionFile,
    Project,
    ProjectMember,
    Property,
    PropertyModel,
    Round,
    Structure,
    Webhook,
)
from jobs.models.projects import Role
from jobs.models.states import WorkState
from jobs.science.alignments.reading import read_alignment
from jobs.variants import baskets, pages_scans
from tests.helpers import body, submit
from tests.web.routes import BODIES, QUERIES, Route

SECRETS = ("top-secret-library", "unpublished-enzyme", "MKTAYIAKQRQISFVKSHFSRQ", "rosalinds-laptop", "rosalinds-hook")
FASTA = b">unpublished-enzyme of rosalind\nMKTAYIAKQRQISFVKSHFSRQ\n>unpublished-enzyme-2\nMKTAYIAKQR\n"


def scan_of(job: Job, item: Item) -> dict[str, object]:
    """Return a scan of the first position, so that the job has a basket and a table without a worker."""
    row = [[0.5] * 20]
    return {"positions": [1], "scores": row, "spread": row, "numbers": ["1"]}


def objects_of(api: APIClient, person: User, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return an object of Rosalind's for every parameter of a route. Event streams end at once."""
    monkeypatch.setattr(events, "close_old_connections", lambda: None)  # the test's transaction is in this one
    monkeypatch.setattr(events, "LOOK_EVERY_SECONDS", 0)
    monkeypatch.setattr(events, "LONGEST_STREAM_SECONDS", 0.001)
    monkeypatch.setattr(settings, "E1_PUBLIC_LINKS", True)
    for module in (baskets, pages_scans):
        monkeypatch.setattr(module, "result_of", scan_of)
    job = Job.objects.get(pk=body(submit(api, FASTA, name="top-secret-library"))["id"])
    Job.objects.filter(pk=job.pk).update(idempotency_key="top-secret-library")
    files = [{"format": "npz", "size": 0, "sha256": "00", "block": 0}]
    artefact = Artefact.objects.create(job=job, kind="npz", fingerprint="x", state=WorkState.DONE, files=files)
    analysis = Artefact.objects.create(job=job, kind="map", fingerprint="y", params={"method": "pca"})
    column = columns_add(job=job, data=b"index,family\n0,top-secret-library\n")[0][0]
    token_create(owner=person, name="rosalinds-laptop", days=None)
    context_set_create(owner=person, name="top-secret-library", contexts=[["MKTAYIAKQRQISFVKSHFSRQ"]], provenance={})
    rows = read_alignment(b">top-secret-library\nMKTAYIAKQRQISFVKSHFSRQ\n>b\nMKTAYIAKQRQISFVKSHFSRK\n")
    alignment = alignment_store(owner=person, name="top-secret-library", source="upload", rows=rows)
    search = HomologSearch.objects.create(
        owner=person, name="top-secret-library", database_name="x", parent="MKTAYIAKQRQISFVKSHFSRQ", settings={}
    )
    scored = Job.objects.create(
        owner=person, name="top-secret-library", model="e1-demo", action="score", params={"parent": SECRETS[2]}
    )
    ranked = Job.objects.create(owner=person, name="top-secret-library", model="e1-demo", action="log_prob", params={})
    beside = {"job": scored, "name": "top-secret-library", "sha256": "00", "size": 8}
    assay = Assay.objects.create(**beside, variant_column="a", value_column="b", names=["M1A"], data=bytes(8))
    counts = {"residues": 1, "aligned": 1, "identical": 1, "file_size": 8}
    structure = Structure.objects.create(**beside, chain="A", data=bytes(4), **counts)
    annotation = Annotation.objects.create(**beside, features=[[1, 3, "unpublished-enzyme", "site"]])
    attached = (
        "job-annotations",
        "job-annotation",
        "variants-page",
        "variants-table",
        "variants-workbook",
        "assay-list-page",
        "assay-page",
        "job-assay",
        "job-assay-metrics",
        "job-structure",
        "job-structure-file",
        "job-structure-model",
    )
    project = Project.objects.create(owner=person, name="top-secret-library", notes="unpublished-enzyme")
    for name, role in (("editor", Role.EDIT), ("viewer", Role.VIEW)):
        ProjectMember.objects.create(project=project, user=User.objects.create_user(name), role=role)
    campaign = campaign_of_hers(person)
    for rows in (Job, Alignment, ContextSet, Campaign):
        rows.objects.filter(owner=person).update(project=project)
    Job.objects.filter(owner=person).update(tags=["top-secret-library"])
    deleted = Project.objects.create(owner=person, name="top-secret-library", deleted_at=timezone.now())
    webhook = Webhook.objects.create(owner=person, url="https://rosalinds-hook/", secret="whsec_x", events=[])
    return {
        "scored_job": scored.pk,
        "assay_id": assay.pk,
        "structure_id": structure.pk,
        "annotation_id": annotation.pk,
        **{f"{name}.job_id": scored.pk for name in attached},
        **{f"likelihoods-{part}.job_id": ranked.pk for part in ("page", "table", "book")},
        "project_id": project.pk,
        "project-restore.project_id": deleted.pk,
        "username": "viewer",
        "token": "a-wrong-token",
        "search_id": search.pk,
        "webhook_id": webhook.pk,
        "campaign_id": campaign.pk,
        "file_id": PredictionFile.objects.get().pk,
        "property_id": Property.objects.get(campaign=campaign).pk,
        "number": 1,
        "job_id": job.pk,
        "alignment_id": alignment.pk,
        "index": 0,
        "artefact_id": artefact.pk,
        "analysis_id": analysis.pk,
        "column_id": column.pk,
        "digest": ApiToken.objects.get(name="rosalinds-laptop").digest,
        "model": "e1-demo",
        "action": "log_prob",
        "context-detail.name": "top-secret-library",
        "context-set-page.name": "top-secret-library",
        "help-page.name": "glossary",
        "help-picture.name": "item.png",
        # the admin's
        "object_id": person.pk,
        "id": person.pk,
        "app_label": "auth",
        "content_type_id": 1,
        "url": "anything",
    }


def campaign_of_hers(person: User) -> Campaign:
    """Return a campaign with a property, an open model and a round."""
    told = {"name": "top-secret-library", "parent": "MKTAYIAKQRQISFVKSHFSRQ", "model": "e1-demo"}
    campaign = campaign_create(owner=person, data=told)
    activity = property_create(campaign=campaign, data={"name": "unpublished-enzyme", "higher_is_better": True})
    model = PropertyModel.objects.create(campaign=campaign, property=activity, number=1, prior="auto", features="auto")
    PredictionFile.objects.create(model=model, kind="all_singles", asked={}, fingerprint="00", count=399)
    frozen = '{"asked":{},"objectives":[],"expected":null,"rows":[]}'
    Round.objects.create(campaign=campaign, number=1, frozen=frozen, digest="00")
    return campaign


def addresses(route: Route, things: dict[str, object]) -> list[str]:
    """Return the route's addresses with her objects. `ROUTE.name` overrides a parameter for one route."""
    values = {name: things.get(f"{route.name}.{name}", things.get(name)) for name in route.parameters}
    missing = [name for name, value in values.items() if value is None]
    assert not missing, f"say in `things` what of Rosalind's stands for {missing} of {route.name}"
    path = route.path.format(**values)
    return [path, *(f"{path}?{query}" for query in QUERIES.get(route.name, []))]


def ask(client: Client, method: str, path: str, route: Route, token: str | None = None) -> HttpResponse:
    headers = {} if token is None else {"Authorization": f"Token {token}"}
    if method in ("POST", "PUT", "PATCH"):
        sent = json.dumps(BODIES.get(route.name, {}))
        if route.cls is None:
            return client.generic(
                method, path, "do=delete&confirm=yes", "application/x-www-form-urlencoded", headers=headers
            )
        return client.generic(method, path, sent, "application/json", headers=headers)
    return client.generic(method, path, headers=headers)
