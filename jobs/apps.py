"""The Django app."""

from typing import Any

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth.models import User
        from django.db.models.signals import post_save

        from jobs.campaigns.waiting import models_wake
        from jobs.notices.services import mails_record
        from jobs.queue.signals import job_closed
        from jobs.webhooks.services import webhooks_record

        job_closed.connect(lambda sender, job, **_: webhooks_record(job), weak=False, dispatch_uid="webhooks")
        job_closed.connect(lambda sender, job, **_: mails_record(job), weak=False, dispatch_uid="mails")
        job_closed.connect(lambda sender, job, **_: models_wake(job), weak=False, dispatch_uid="models")

        def follow(sender: type[User], created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
            # A login writes only `last_login`.
            if not created and (update_fields is None or "is_active" in update_fields):
                from jobs.tasks.works import owners_follow  # brings every analysis, which most processes do not need

                owners_follow()

        post_save.connect(follow, sender=User, weak=False, dispatch_uid="owners")
