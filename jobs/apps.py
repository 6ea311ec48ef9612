"""The Django app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from jobs.queue.signals import job_closed
        from jobs.webhooks.services import webhooks_record

        job_closed.connect(lambda sender, job, **_: webhooks_record(job), weak=False, dispatch_uid="webhooks")
