"""How Postgres lays the tables out; nothing that Django's models can say."""

from django.db import migrations

FORWARD = """
-- Arrays do not compress: EXTERNAL saves the attempt, and lets substring() read a slice.
ALTER TABLE jobs_output ALTER COLUMN data SET STORAGE EXTERNAL;
-- A chunk's row changes four times in its life: room on the page, and vacuum before the queue's indexes bloat.
ALTER TABLE jobs_chunk SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
"""
BACKWARD = """
ALTER TABLE jobs_chunk RESET (fillfactor, autovacuum_vacuum_scale_factor);
ALTER TABLE jobs_output ALTER COLUMN data SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
