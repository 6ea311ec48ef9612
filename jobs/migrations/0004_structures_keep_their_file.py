"""Structures keep their file, in blocks, and count the C-beta atoms that were computed from the backbone.

Structures from before this change have no file: `file_size` is 0.
"""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = "ALTER TABLE jobs_structureblock ALTER COLUMN data SET STORAGE EXTERNAL"


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_jobs_are_held")]
    operations = [
        migrations.AddField(
            model_name="structure", name="virtual", field=models.PositiveIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(
            model_name="structure", name="file_size", field=models.PositiveBigIntegerField(db_default=0, default=0)
        ),
        migrations.CreateModel(
            name="StructureBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("data", models.BinaryField()),
                (
                    "structure",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="blocks",
                        to="jobs.structure",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("structure", "number"), name="structure_block_once"),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
