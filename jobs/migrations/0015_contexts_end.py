"""Contexts that nothing names any more are freed: how they are found, and those of before are looked at once."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("jobs", "0014_webhooks")]
    operations = [
        migrations.RemoveConstraint(model_name="context", name="context_once_per_owner"),
        migrations.AddConstraint(
            model_name="context",
            constraint=models.UniqueConstraint(
                fields=["owner", "digest"], include=["tokens"], name="context_once_per_owner"
            ),
        ),
        migrations.AddField(
            model_name="context", name="unused_since", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddIndex(
            model_name="context",
            index=models.Index(condition=Q(unused_since__isnull=False), fields=["id"], name="context_to_look_at"),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(condition=Q(context__isnull=False), fields=["context"], name="item_with_context"),
        ),
        migrations.AddIndex(
            model_name="jobcontext", index=models.Index(fields=["context"], name="job_context_named")
        ),
        migrations.RunSQL("UPDATE jobs_context SET unused_since = statement_timestamp()", migrations.RunSQL.noop),
    ]
