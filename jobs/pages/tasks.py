"""What users want to know, in their words: the cards of the home page, and the tasks of the new-job page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Task:
    """A thing to want: its action, and an example with results that are worth looking at.

    `address` names the page that it begins on, if that is not the page for a new job. `after` says what to do with the
    results where the task needs one more step. `step` heads the second part of the form.
    """

    key: str
    title: str
    sentence: str
    action: str = ""
    address: str = ""
    after: str = ""
    step: str = "How"

    @property
    def picture(self) -> str:
        """The template with its picture, which `docs/draw_tasks.py` draws from results."""
        return f"jobs/home/{self.key}.svg"

    @property
    def url(self) -> str:
        """Where the task begins."""
        return reverse(self.address) if self.address else f"{reverse('job-new-page')}?{urlencode({'task': self.key})}"

    @property
    def example(self) -> str:
        """The form filled in with an example, empty for a task that begins elsewhere."""
        query = {"task": self.key, "example": self.action}
        return f"{reverse('job-new-page')}?{urlencode(query)}" if self.action else ""


TASKS = {
    one.key: one
    for one in (
        Task(
            "embed",
            "Embed a library",
            "A vector for each protein or residue, to cluster, search or train on.",
            "encode",
        ),
        Task(
            "score",
            "Score my variants",
            "Rank variants of a protein by how well the model accepts them.",
            "score",
            step="The parent",
        ),
        Task(
            "scan", "Scan every mutation of a protein", "A heat map of all single substitutions.", "scan", step="Where"
        ),
        Task("predict", "Which residue fits here?", "Put ? into a sequence, and see the residues that fit.", "predict"),
        Task(
            "contexts",
            "Find homologs, build a context",
            "Related sequences that the model reads first. They often improve its answers.",
            address="contexts-page",
        ),
        Task(
            "contacts",
            "Predict contacts",
            "Residue pairs that probably touch, beside a structure if you have one.",
            "contacts",
        ),
        Task(
            "map",
            "Map my collection",
            "Your proteins in a plane, with clusters: near points are similar.",
            "encode",
            after="When the job has finished, open its map.",
        ),
        Task(
            "learn",
            "Learn from my measurements",
            "Plates to order, their data, and a model that says if it beats the scores alone.",
            address="campaigns-page",
        ),
    )
}
