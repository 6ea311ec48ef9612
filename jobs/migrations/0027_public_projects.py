"""Public links of projects and campaigns."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("jobs", "0026_workers_of_cost_centres")]

    operations = [
        migrations.AlterField(
            model_name="publiclink",
            name="job",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="public_link", to="jobs.job"
            ),
        ),
        migrations.AddField(
            model_name="publiclink",
            name="project",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="public_link", to="jobs.project"
            ),
        ),
        migrations.AddField(
            model_name="publiclink",
            name="campaign",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="public_link", to="jobs.campaign"
            ),
        ),
        migrations.AddConstraint(
            model_name="publiclink",
            constraint=models.CheckConstraint(
                condition=Q(job__isnull=False, project__isnull=True, campaign__isnull=True)
                | Q(job__isnull=True, project__isnull=False, campaign__isnull=True)
                | Q(job__isnull=True, project__isnull=True, campaign__isnull=False),
                name="public_link_opens_one_thing",
            ),
        ),
    ]
