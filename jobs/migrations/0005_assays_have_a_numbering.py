"""Assays keep a numbering, for names whose numbers no offset expresses. Earlier ones have an offset only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_structures_keep_their_file")]
    operations = [migrations.AddField(model_name="assay", name="numbering", field=models.JSONField(null=True))]
