from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0025_prediction_files'),
    ]

    operations = [
        migrations.AddField(
            model_name='costcentre',
            name='own_workers',
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text='Only workers that were started for this cost centre compute the work of this group. '
                'Without such a worker its work waits.',
                verbose_name='computed by its own workers',
            ),
        ),
        migrations.AddField(
            model_name='worker',
            name='cost_centre',
            field=models.CharField(blank=True, db_default='', default='', max_length=100),
        ),
    ]
