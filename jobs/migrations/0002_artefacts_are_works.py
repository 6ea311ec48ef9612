"""Artefacts take the columns, states and constraints of background work, so that one lease machine serves both.

`build` becomes `token` while a build runs; on a finished one it goes on naming the blocks that count. `fraction` becomes
`progress`. A finished artefact always lists its files.
"""

from django.db import migrations, models
from django.db.models import Q

# One statement each: a row that is updated twice in a transaction leaves its foreign key to be checked at the end, and
# Postgres then refuses to create the index.
FORWARD = """
UPDATE jobs_artefact SET
    state = CASE state WHEN 'building' THEN 'running' WHEN 'ready' THEN 'done' ELSE state END,
    token = CASE WHEN state = 'building' THEN build END,
    build = CASE WHEN state = 'ready' THEN build END,
    lease_end = CASE WHEN state = 'building' THEN lease_end END,
    files = CASE WHEN state = 'ready' AND files = '[]' THEN jsonb_build_array(
        jsonb_build_object('format', kind, 'size', size, 'sha256', sha256, 'block', 0)
    ) ELSE files END;
"""
BACKWARD = """
UPDATE jobs_artefact SET
    state = CASE state WHEN 'running' THEN 'building' WHEN 'done' THEN 'ready' ELSE state END,
    build = coalesce(token, build);
"""
STATES = [
    ("waiting", "Waiting"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_squashed")]
    operations = [
        migrations.RemoveIndex(model_name="artefact", name="artefact_unfinished"),
        migrations.RemoveConstraint(model_name="artefact", name="artefact_state_known"),
        migrations.RenameField(model_name="artefact", old_name="fraction", new_name="progress"),
        migrations.AlterField(model_name="artefact", name="progress", field=models.FloatField(default=0.0)),
        migrations.AddField(model_name="artefact", name="token", field=models.UUIDField(blank=True, null=True)),
        migrations.AddField(
            model_name="artefact", name="started_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AlterField(
            model_name="artefact",
            name="state",
            field=models.CharField(choices=STATES, default="waiting", max_length=9),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.AddIndex(
            model_name="artefact",
            index=models.Index(
                fields=["lease_end"], condition=Q(state__in=["waiting", "running"]), name="artefact_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.CheckConstraint(
                condition=Q(state__in=[state for state, _ in STATES]), name="artefact_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.CheckConstraint(
                condition=Q(state="running", token__isnull=False, lease_end__isnull=False)
                | (~Q(state="running") & Q(token__isnull=True, lease_end__isnull=True)),
                name="artefact_lease_is_whole",
            ),
        ),
    ]
