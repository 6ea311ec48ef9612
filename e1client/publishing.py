"""Public links of jobs, projects and campaigns, with which everybody reads them without an account."""

from __future__ import annotations

from e1client.campaign_comparisons import ModelComparisonClient
from e1client.campaigns import CampaignLike
from e1client.job import JobLike, job_path
from e1client.projects import ProjectClient, ProjectLike
from e1client.reading import Body


class PublishingClient(ProjectClient, ModelComparisonClient):
    """The part of `e1client.api.Client` for public links, if the service allows them.

    The link itself is known only to those who have it. `public_link` and its siblings return whether there is one
    (`public`), until when, and what one `shows` and `leaves_out`. A new link ends an earlier one.
    """

    def publish(self, job: JobLike, *, days: int | None = None) -> str:
        """Return a new public link of a finished job, with which everybody reads its result."""
        return self._published(job_path(job), days)

    def unpublish(self, job: JobLike) -> None:
        """Revoke the public link of a job."""
        self._ended(job_path(job))

    def public_link(self, job: JobLike) -> Body:
        """Return whether a job is `public`, and until when."""
        return self._linked(job_path(job))

    def publish_project(self, project: ProjectLike, *, days: int | None = None) -> str:
        """Return a new public link of a project, with which everybody reads your results in it, now and later."""
        return self._published(self._project(project), days)

    def unpublish_project(self, project: ProjectLike) -> None:
        """Revoke the public link of a project."""
        self._ended(self._project(project))

    def project_public_link(self, project: ProjectLike) -> Body:
        """Return whether a project is `public`, and what a link `shows` and `leaves_out`."""
        return self._linked(self._project(project))

    def publish_campaign(self, campaign: CampaignLike, *, days: int | None = None) -> str:
        """Return a new public link of a campaign, with which everybody reads its measured values, now and later."""
        return self._published(self._campaign(campaign), days)

    def unpublish_campaign(self, campaign: CampaignLike) -> None:
        """Revoke the public link of a campaign."""
        self._ended(self._campaign(campaign))

    def campaign_public_link(self, campaign: CampaignLike) -> Body:
        """Return whether a campaign is `public`, and what a link `shows` and `leaves_out`."""
        return self._linked(self._campaign(campaign))

    def _published(self, path: str, days: int | None) -> str:
        body: Body = {} if days is None else {"days": days}
        return str(self._transport.json("POST", f"{path}public-link/", json=body, repeatable=False)["url"])

    def _ended(self, path: str) -> None:
        self._transport.request("DELETE", f"{path}public-link/")

    def _linked(self, path: str) -> Body:
        return self._transport.json("GET", f"{path}public-link/")
