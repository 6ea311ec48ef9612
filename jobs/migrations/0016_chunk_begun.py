"""What is claimed ahead is told from what is being computed. A lease that is held while this runs counts as not begun."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0015_contexts_end")]
    operations = [
        migrations.AddField(
            model_name="chunk", name="begun", field=models.BooleanField(db_default=False, default=False)
        ),
    ]
