"""What is claimed ahead is told from what is being computed.

Leases that are held while this runs, and those of workers of before until they are started anew, count as not begun.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0015_contexts_end")]
    operations = [
        migrations.AddField(
            model_name="chunk", name="begun", field=models.BooleanField(db_default=False, default=False)
        ),
    ]
