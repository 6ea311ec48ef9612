"""A project of Rosalind's with a job, shared with an editor and a viewer."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from jobs.models import Job, Project, ProjectMember
from jobs.models.projects import Role
from tests.helpers import body, client_of, submit


@pytest.fixture
def project(person) -> Project:
    return Project.objects.create(owner=person, name="TEM-1")


@pytest.fixture
def editor(project) -> User:
    user = User.objects.create_user("erwin", password="a long password 57")
    ProjectMember.objects.create(project=project, user=user, role=Role.EDIT)
    return user


@pytest.fixture
def viewer(project) -> User:
    user = User.objects.create_user("vera", password="a long password 59")
    ProjectMember.objects.create(project=project, user=user, role=Role.VIEW)
    return user


@pytest.fixture
def job(api, project) -> Job:
    return Job.objects.get(pk=body(submit(api, project=str(project.pk)))["id"])


@pytest.fixture
def as_editor(editor):
    return client_of(editor)


@pytest.fixture
def as_viewer(viewer):
    return client_of(viewer)
