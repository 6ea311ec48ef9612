"""Alignments say what was changed in their files."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_assays_have_notes")]
    operations = [
        migrations.AddField(
            model_name="alignment", name="notes", field=models.JSONField(db_default=[], default=list)
        ),
    ]
