"""A project of Rosalind's with one thing of each kind, and things around it that no public link of hers may show."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from e1protocol import EngineIdentity
from jobs.contexts.services import context_set_create
from jobs.fleet import workers
from jobs.models import Alignment, Assay, Campaign, Job, Project, ProjectMember, Property, Round, Structure
from jobs.models.attachments import StructureBlock
from jobs.models.projects import Role
from jobs.models.states import JobState
from tests.campaigns.steps import made, some_singles, trained, upload
from tests.campaigns.steps import text_of as table_of
from tests.factories import claim, complete, ids, make_job, record
from tests.helpers import client_of, post, submit_items, upload_alignment

SEQUENCE = "MKTAYIAKQR"
NOTES = """# Aim

**faster**, ask <rosalind@kings.example>, [her](mailto:rosalind@kings.example) or erwin@kings.example
"""
PEOPLE = ("rosalind", "Rosalind", "erwin", "wilhelmina", "kings.example", "mailto:")
OTHERS = ("erwins", "unfinished-job", "outside-the-project", "secret-tag", "the-editors-assay")
FROZEN = (
    '{"asked":{},"objectives":[],"expected":null,"rows":[{"plate":"1","well":"A1","role":"variant","pick":"chosen",'
    '"variant":"%s","sequential":"%s","mean":null,"low":null,"high":null,"prior":1.0,"acquisition":null,'
    '"reason":"high prior","model_digest":null,"codons":["2:GCG>SECRETCODON"]}]}'
)


@dataclass(frozen=True)
class World:
    """What Rosalind has: her project, and ids of what is in it and around it."""

    project: Project
    campaign: Campaign
    shown: SimpleNamespace
    hidden: SimpleNamespace

    def paths(self, token: str) -> dict[str, str]:
        """Return the address of each kind of page and file below a token."""
        start, campaign = f"/public/{token}/", f"/public/{token}/campaigns/{self.campaign.pk}/"
        return {
            "page": start,
            "download": f"{start}download/?format=csv",
            "job": f"{start}jobs/{self.shown.job}/",
            "job download": f"{start}jobs/{self.shown.job}/download/?format=csv",
            "alignment": f"{start}alignments/{self.shown.alignment}.a3m",
            "assay": f"{start}assays/{self.shown.assay}.csv",
            "structure": f"{start}structures/{self.shown.structure}",
            "campaign": campaign,
            "data": f"{campaign}data/",
            "measurements": f"{campaign}data/{self.shown.property}.csv",
            "model": f"{campaign}models/{self.shown.model}/",
            "round": f"{campaign}rounds/2/",
        }

    def hidden_paths(self, token: str) -> dict[str, str]:
        """Return addresses of what no link shows, below a token that opens the project."""
        start, campaign, gone = f"/public/{token}/", f"/public/{token}/campaigns/{self.campaign.pk}/", self.hidden
        return {
            "a job of a member": f"{start}jobs/{gone.members_job}/",
            "its download": f"{start}jobs/{gone.members_job}/download/",
            "an unfinished job": f"{start}jobs/{gone.unfinished}/",
            "a job outside": f"{start}jobs/{gone.outside}/",
            "an alignment of a member": f"{start}alignments/{gone.alignment}.a3m",
            "an assay of a member": f"{start}assays/{gone.assay}.csv",
            "a campaign outside": f"{start}campaigns/{gone.campaign}/",
            "its data": f"{start}campaigns/{gone.campaign}/data/",
            "its measurements": f"{campaign}data/{gone.property}.csv",
            "a proposed round": f"{campaign}rounds/1/",
            "a model that is not ready": f"{campaign}models/{gone.model}/",
        }


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.E1_PUBLIC_LINKS = True


@pytest.fixture(scope="module")
def world(module_db) -> World:
    """Make everything once for a module. What a test changes is undone after it."""
    owner = User.objects.create_user("rosalind", email="rosalind@kings.example", first_name="Rosalind")
    editor = User.objects.create_user("erwin", email="erwin@kings.example")
    api, as_editor = client_of(owner), client_of(editor)
    project = Project.objects.create(
        owner=owner, name="TEM-1 of all", description="by rosalind@kings.example", notes=NOTES
    )
    ProjectMember.objects.create(project=project, user=editor, role=Role.EDIT)
    ProjectMember.objects.create(project=project, user=User.objects.create_user("wilhelmina"), role=Role.VIEW)
    job = done(owner, "one", name="a library", tags=["secret-tag"], project=project)
    members = done(editor, "erwins-protein", name="erwins-job", project=project)
    waits = submit_items(api, [{"sequence": SEQUENCE}], name="unfinished-job", project=str(project.pk))
    outside = done(owner, "outside-the-project", name="outside-the-project")

    beside = {"job_id": job.pk, "sha256": "00", "size": 8}
    values = np.array([1.5, np.nan], dtype="<f8").tobytes()
    measured = {"variant_column": "mutant", "value_column": "=fitness", "names": ["M1A", "=1+1"], "data": values}
    assay = Assay.objects.create(**beside, **measured, name="plate-reader.csv")
    theirs = Assay.objects.create(**beside, **measured, name="the-editors-assay.csv", added_by=editor)
    counts = {"residues": 1, "aligned": 1, "identical": 1, "file_size": 4}
    structure = Structure.objects.create(**beside, name="fold.pdb", chain="A", data=bytes(4), **counts)
    StructureBlock.objects.create(structure=structure, number=0, data=zlib.compress(b"ATOM"))

    alignment = upload_alignment(api).json()["id"]
    members_alignment = upload_alignment(as_editor, filename="erwins.a3m").json()["id"]
    Alignment.objects.update(project=project)
    context_set_create(owner=owner, name="fifteen", contexts=[[SEQUENCE]], provenance={})
    owner.context_sets.update(project=project)

    url = made(api, project=str(project.pk), name="rounds of TEM-1")
    assert upload(api, url, table_of(some_singles(3))).status_code == 201
    model = trained(api, url)["n"]
    waiting = post(api, f"{url}models/", {"property": "activity"}).json()["n"]
    campaign = Campaign.objects.get(pk=url.rstrip("/").rpartition("/")[2])
    Round.objects.create(campaign=campaign, number=1, frozen=FROZEN % ("PLANNED1A", "K2A"), digest="00")
    Round.objects.create(campaign=campaign, number=2, state="ordered", frozen=FROZEN % ("K4A", "K2A"), digest="01")
    private = made(api, name="outside-the-project too").rstrip("/").rpartition("/")[2]
    return World(
        project,
        campaign,
        SimpleNamespace(
            job=job.pk,
            alignment=alignment,
            assay=assay.pk,
            structure=structure.pk,
            model=model,
            property=Property.objects.get(campaign=campaign, name="activity").pk,
        ),
        SimpleNamespace(
            members_job=members.pk,
            unfinished=waits.json()["id"],
            outside=outside.pk,
            alignment=members_alignment,
            assay=theirs.pk,
            campaign=private,
            property=Property.objects.filter(campaign=private).values_list("pk", flat=True).first(),
            model=waiting,
        ),
    )


def done(owner: User, record_name: str, **fields) -> Job:
    """Return a finished job of one record, with a result that no worker computed."""
    identity = EngineIdentity("e1-demo", "0" * 64, "float32", "cpu", "sdpa", "2", "0", True)
    engine = workers.engine_record(identity=identity)
    job = make_job(owner, [replace(record(0), name=record_name, header=record_name)])
    for chunk in claim(ids(job)):
        complete(chunk, engine)
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, finished_at=timezone.now(), **fields)
    job.refresh_from_db()
    return job


@pytest.fixture
def owner(db, world) -> User:
    return User.objects.get(username="rosalind")


@pytest.fixture
def mine(owner) -> APIClient:
    """Return a REST client of the owner."""
    return client_of(owner)


@pytest.fixture
def own_browser(owner) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def publish(mine):
    """Return a function that makes a public link of a job, a project or a campaign, and returns its token."""

    def make(kind: str, key: object, **data) -> str:
        answer = post(mine, f"/api/{kind}s/{key}/public-link/", data)
        assert answer.status_code == 201, answer.content
        return answer.json()["url"].rstrip("/").rpartition("/")[2]

    return make
