"""Projects: folders of jobs, alignments, context sets and campaigns, which several people may share."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from itertools import islice
from urllib.parse import quote

from e1client.errors import UsageError
from e1client.job import Job, JobLike, job_path, last_part
from e1client.reading import Body, JobReader

ProjectLike = str | Mapping[str, object]
"""A project as the server shows it, its id, its URL, or its name."""


class ProjectClient(JobReader):
    """The part of `e1client.api.Client` for projects. Every method returns JSON as the server shows it."""

    def projects(self, *, state: str = "active", limit: int = 50) -> list[Body]:
        """Return projects that you own or are a member of, newest first: `active`, `archived`, `deleted` or `all`."""
        return list(islice(self._transport.rows("/api/projects/", {"state": state}), limit))

    def project(self, project: ProjectLike) -> Body:
        """Return a project with its notes, what it holds in numbers, and your `access`."""
        return self._transport.json("GET", self._project(project))

    def create_project(self, name: str, *, description: str = "", notes: str = "") -> Body:
        """Make a project. `notes` are Markdown."""
        body = {"name": name, "description": description, "notes": notes}
        return self._transport.json("POST", "/api/projects/", json=body, repeatable=False)

    def change_project(
        self,
        project: ProjectLike,
        *,
        name: str | None = None,
        description: str | None = None,
        notes: str | None = None,
        archived: bool | None = None,
    ) -> Body:
        """Change what is given: the texts, or whether the project is archived."""
        given = {"name": name, "description": description, "notes": notes, "archived": archived}
        body = {key: value for key, value in given.items() if value is not None}
        return self._transport.json("PATCH", self._project(project), json=body)

    def delete_project(self, project: ProjectLike) -> None:
        """Delete a project, and end its sharing. What it holds stays, and `restore_project` brings it back."""
        self._transport.request("DELETE", self._project(project), repeatable=False)

    def restore_project(self, project: ProjectLike) -> Body:
        """Restore a project that you deleted, with its members and contents."""
        return self._transport.json("POST", f"{self._project(project, state='deleted')}restore/")

    def add_to_project(
        self,
        project: ProjectLike,
        *,
        jobs: Iterable[JobLike] = (),
        alignments: Iterable[str] = (),
        contexts: Iterable[str] = (),
        campaigns: Iterable[str] = (),
    ) -> Body:
        """Move jobs, alignments, context sets and campaigns (ids or URLs) into a project: all or none."""
        return self._things(project, "add", _body(jobs, alignments, contexts, campaigns))

    def remove_from_project(
        self,
        project: ProjectLike,
        *,
        jobs: Iterable[JobLike] = (),
        alignments: Iterable[str] = (),
        contexts: Iterable[str] = (),
        campaigns: Iterable[str] = (),
    ) -> Body:
        """Take jobs, alignments, context sets and campaigns out of a project. They stay with their owners."""
        return self._things(project, "remove", _body(jobs, alignments, contexts, campaigns))

    def project_members(self, project: ProjectLike) -> Body:
        """Return the `owner` of a project, and its members in `results`."""
        return self._transport.json("GET", f"{self._project(project)}members/")

    def share_project(self, project: ProjectLike, user: str, *, role: str = "view") -> Body:
        """Let a user `view` a project, or `edit` it, and return its members."""
        return self._transport.json("POST", f"{self._project(project)}members/", json={"user": user, "role": role})

    def unshare_project(self, project: ProjectLike, user: str) -> None:
        """Take a member's access, or leave a project yourself."""
        self._transport.request("DELETE", f"{self._project(project)}members/{quote(user, safe='')}/", repeatable=False)

    def link_project(self, project: ProjectLike) -> str:
        """Return a new link that lets colleagues with an account read the project. It ends an earlier one."""
        return str(self._transport.json("POST", f"{self._project(project)}link/", repeatable=False)["url"])

    def unlink_project(self, project: ProjectLike) -> None:
        """Revoke the link. Those who have opened it stay members."""
        self._transport.request("DELETE", f"{self._project(project)}link/")

    def join_project(self, link: str) -> Body:
        """Become a viewer of the project whose link you were sent."""
        return self._transport.json("POST", "/api/projects/join/", json={"token": last_part(link)})

    def hand_over_project(self, project: str, user: str) -> None:
        """Hand a project to another user, with what its owner submitted to it. Only administrators may."""
        path = f"/api/projects/{_id(project)}/hand-over/"
        self._transport.request("POST", path, json={"user": user}, repeatable=False)

    def label(
        self,
        job: JobLike,
        *,
        project: ProjectLike | None = None,
        tags: Iterable[str] | None = None,
        archived: bool | None = None,
    ) -> Job:
        """Move a job into a project ("" for none), set its tags, or archive it; None leaves each as it is."""
        body: Body = {}
        if project is not None:
            body["project"] = self.project_id(project) if project else None
        if tags is not None:
            body["tags"] = list(tags)
        if archived is not None:
            body["archived"] = archived
        return Job(self._transport.json("PATCH", job_path(job), json=body))

    def project_id(self, project: ProjectLike, *, state: str = "all") -> str:
        """Return the id of a project. Raises UsageError if no project, or more than one, has this name."""
        if isinstance(project, Mapping):
            return str(project["id"])
        try:
            return str(uuid.UUID(last_part(project)))
        except ValueError:
            named = [one for one in self.projects(state=state, limit=1000) if one["name"] == project]
        if len(named) != 1:
            found = "no project" if not named else f"{len(named)} projects"
            what = f"{found} of yours is called {project!r}; `e1 project list` shows names and ids"
            raise UsageError(what, code="unknown_project")
        return str(named[0]["id"])

    def _project(self, project: ProjectLike, *, state: str = "all") -> str:
        return f"/api/projects/{self.project_id(project, state=state)}/"

    def _things(self, project: ProjectLike, verb: str, body: Body) -> Body:
        return self._transport.json("POST", f"{self._project(project)}{verb}/", json=body)


def _body(
    jobs: Iterable[JobLike], alignments: Iterable[str], contexts: Iterable[str], campaigns: Iterable[str]
) -> Body:
    return {
        "jobs": [last_part(job_path(job).rstrip("/")) for job in jobs],
        "alignments": [last_part(one) for one in alignments],
        "contexts": [last_part(one) for one in contexts],
        "campaigns": [last_part(one) for one in campaigns],
    }


def _id(text: str) -> uuid.UUID:
    """Return the id of a project that need not be one's own. Raises UsageError `bad_id`."""
    try:
        return uuid.UUID(last_part(text))
    except ValueError:
        raise UsageError(f"{text!r} is no id of a project", code="bad_id") from None
