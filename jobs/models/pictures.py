"""Small pictures of results, which lists of jobs show."""

from __future__ import annotations

from django.db import models


class JobPicture(models.Model):
    """The picture of a job's result (`jobs.results.thumbnails.Picture`), made when a list first shows the job.

    `of` says which results it shows; a job that ran again gets another. `picture` is null if there is none to draw.
    """

    job = models.OneToOneField("jobs.Job", on_delete=models.CASCADE, primary_key=True, related_name="picture")
    of = models.CharField(max_length=80)
    picture = models.JSONField(null=True)
