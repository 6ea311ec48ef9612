"""The schema of version 0.1.0: what the 17 migrations made that led to it.

A database that has applied all of those counts as having applied this one. Django's `replaces` would say so, but
0001_squashed_0027_public_projects replaces this migration, and Django 5.2 cannot replace one that replaces others.
"""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.recorder import MigrationRecorder


# How Postgres lays the tables out, which Django's models cannot say.
STORAGE = """
-- Arrays and packed files do not compress: EXTERNAL saves the attempt, and lets substring() read a slice.
ALTER TABLE jobs_output ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE jobs_artefactblock ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE jobs_alignmentblock ALTER COLUMN data SET STORAGE EXTERNAL;
-- A chunk's row changes four times in its life: room on the page, and vacuum before the queue's indexes bloat.
ALTER TABLE jobs_chunk SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
"""


class Migration(migrations.Migration):

    initial = True

    adopts = [
        ("jobs", "0001_initial"),
        ("jobs", "0002_storage"),
        ("jobs", "0003_artefacts"),
        ("jobs", "0004_tallies"),
        ("jobs", "0005_context_sets"),
        ("jobs", "0006_alignments"),
        ("jobs", "0007_sharing"),
        ("jobs", "0008_extensions"),
        ("jobs", "0009_searches"),
        ("jobs", "0010_worker_errors"),
        ("jobs", "0011_analyses"),
        ("jobs", "0012_work_units"),
        ("jobs", "0013_attachments"),
        ("jobs", "0014_webhooks"),
        ("jobs", "0015_contexts_end"),
        ("jobs", "0016_chunk_begun"),
        ("jobs", "0017_text_bytes"),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Artefact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('params', models.JSONField(db_default={}, default=dict)),
                ('fingerprint', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('building', 'Building'), ('ready', 'Ready'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='waiting', max_length=9)),
                ('fraction', models.FloatField(db_default=0.0, default=0.0)),
                ('stage', models.CharField(blank=True, db_default='', default='', max_length=60)),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('build', models.UUIDField(blank=True, null=True)),
                ('lease_end', models.DateTimeField(blank=True, null=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('size', models.BigIntegerField(default=0)),
                ('sha256', models.CharField(blank=True, default='', max_length=64)),
                ('files', models.JSONField(db_default=[], default=list)),
                ('facts', models.JSONField(db_default={}, default=dict)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='EngineRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('identity', models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(blank=True, default='', max_length=200)),
                ('model', models.CharField(max_length=40)),
                ('action', models.CharField(max_length=40)),
                ('params', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('validating', 'Validating'), ('queued', 'Queued'), ('running', 'Running'), ('finalizing', 'Finalizing'), ('paused', 'Paused'), ('cancelling', 'Cancelling'), ('succeeded', 'Succeeded'), ('partial', 'Partial'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('expired', 'Expired')], default='validating', max_length=12)),
                ('interactive', models.BooleanField(default=False)),
                ('on_invalid', models.CharField(default='reject', max_length=6)),
                ('idempotency_key', models.CharField(blank=True, max_length=255, null=True)),
                ('body_digest', models.CharField(blank=True, default='', max_length=64)),
                ('total_items', models.PositiveIntegerField(default=0)),
                ('skipped_items', models.PositiveIntegerField(default=0)),
                ('total_residues', models.BigIntegerField(default=0)),
                ('text_bytes', models.BigIntegerField(db_default=0, default=0)),
                ('total_units', models.PositiveIntegerField(db_default=0, default=0)),
                ('unit_positions', models.JSONField(blank=True, null=True)),
                ('cleaning', models.JSONField(default=dict)),
                ('warnings', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('touched_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('stored_bytes', models.BigIntegerField(db_default=0, default=0)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('purged_at', models.DateTimeField(blank=True, null=True)),
                ('kept', models.JSONField(db_default={}, default=dict)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Quota',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to=settings.AUTH_USER_MODEL)),
                ('active_jobs', models.PositiveIntegerField(blank=True, help_text='Unfinished jobs; empty: as the service.', null=True)),
                ('sync_requests', models.PositiveIntegerField(blank=True, help_text='Synchronous requests at once; empty: as the service.', null=True)),
                ('queued_tokens', models.PositiveBigIntegerField(blank=True, help_text='Tokens that wait or are being computed; empty: as the service.', null=True)),
                ('stored_bytes', models.PositiveBigIntegerField(blank=True, help_text='Bytes of libraries, results and files; empty: as the service.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='SequenceDatabase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True)),
                ('folder', models.CharField(max_length=100)),
                ('digest', models.CharField(max_length=64)),
                ('sequences', models.BigIntegerField()),
                ('residues', models.BigIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Alignment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('source', models.CharField(max_length=10)),
                ('digest', models.CharField(max_length=64)),
                ('parent', models.TextField()),
                ('depth', models.PositiveIntegerField()),
                ('columns', models.PositiveIntegerField()),
                ('histogram', models.JSONField()),
                ('skipped', models.JSONField(default=list)),
                ('skipped_count', models.PositiveIntegerField(default=0)),
                ('size', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alignments', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='AlignmentBlock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('data', models.BinaryField()),
                ('alignment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='blocks', to='jobs.alignment')),
            ],
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('digest', models.CharField(max_length=128, primary_key=True, serialize=False)),
                ('token_key', models.CharField(db_index=True, max_length=25)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('expiry', models.DateTimeField(blank=True, null=True)),
                ('name', models.CharField(blank=True, default='', max_length=100)),
                ('last_used', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='auth_token_set', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ArtefactBlock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('build', models.UUIDField()),
                ('number', models.PositiveIntegerField()),
                ('data', models.BinaryField()),
                ('artefact', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='blocks', to='jobs.artefact')),
            ],
        ),
        migrations.CreateModel(
            name='Context',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('sequences', models.JSONField()),
                ('tokens', models.PositiveIntegerField()),
                ('unused_since', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ContextSet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('provenance', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='context_sets', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ContextSetMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('context', models.ForeignKey(on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='jobs.context')),
                ('set', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='members', to='jobs.contextset')),
            ],
        ),
        migrations.CreateModel(
            name='Chunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_index', models.PositiveIntegerField()),
                ('model', models.CharField(max_length=40)),
                ('state', models.CharField(choices=[('ready', 'Ready'), ('leased', 'Leased'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='ready', max_length=9)),
                ('n_items', models.PositiveSmallIntegerField()),
                ('n_tokens', models.PositiveIntegerField()),
                ('n_succeeded', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('n_failed', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('n_bytes', models.BigIntegerField(db_default=0, default=0)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('losses', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('isolate', models.BooleanField(db_default=False, default=False)),
                ('last_error', models.CharField(blank=True, db_default='', default='', max_length=500)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('lease_token', models.UUIDField(blank=True, null=True)),
                ('lease_end', models.DateTimeField(blank=True, null=True)),
                ('begun', models.BooleanField(db_default=False, default=False)),
                ('alone', models.BooleanField(db_default=False, default=False)),
                ('worker', models.CharField(blank=True, db_default='', default='', max_length=200)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('group', models.IntegerField(blank=True, null=True)),
                ('unit_first', models.PositiveIntegerField(db_default=0, default=0)),
                ('unit_count', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('unit_errors', models.JSONField(blank=True, null=True)),
                ('blocked', models.BooleanField(db_default=False, default=False)),
                ('engine', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='jobs.enginerecord')),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='jobs.job')),
            ],
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='tally', serialize=False, to='jobs.job')),
                ('upto', models.BigIntegerField(default=0)),
                ('counts', models.JSONField(default=dict)),
                ('n_bytes', models.BigIntegerField(db_default=0, default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Item',
            fields=[
                ('pk', models.CompositePrimaryKey('job_id', 'index', blank=True, editable=False, primary_key=True, serialize=False)),
                ('index', models.PositiveIntegerField()),
                ('line', models.PositiveIntegerField(blank=True, null=True)),
                ('name', models.TextField()),
                ('header', models.TextField(default='')),
                ('sequence', models.TextField()),
                ('error_code', models.CharField(blank=True, max_length=40, null=True)),
                ('error', models.JSONField(blank=True, null=True)),
                ('chunk', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='jobs.chunk')),
                ('context', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='jobs.context')),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='jobs.job')),
            ],
        ),
        migrations.CreateModel(
            name='Extension',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('idempotency_key', models.CharField(blank=True, max_length=255, null=True)),
                ('body_digest', models.CharField(max_length=64)),
                ('first_index', models.PositiveIntegerField()),
                ('items', models.PositiveIntegerField()),
                ('skipped', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='extensions', to='jobs.job')),
            ],
        ),
        migrations.CreateModel(
            name='Assay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('item_index', models.PositiveIntegerField(default=0)),
                ('name', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.PositiveBigIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('variant_column', models.CharField(max_length=100)),
                ('value_column', models.CharField(max_length=100)),
                ('offset', models.IntegerField(default=0)),
                ('names', models.JSONField()),
                ('data', models.BinaryField()),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assays', to='jobs.job')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='artefact',
            name='job',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='artefacts', to='jobs.job'),
        ),
        migrations.CreateModel(
            name='JobColumn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(max_length=11)),
                ('categories', models.JSONField(default=list)),
                ('values', models.BinaryField()),
                ('items', models.PositiveIntegerField()),
                ('filled', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='columns', to='jobs.job')),
            ],
        ),
        migrations.CreateModel(
            name='JobContext',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('context', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='jobs.context')),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='contexts', to='jobs.job')),
            ],
        ),
        migrations.CreateModel(
            name='NeighbourCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='waiting', max_length=9)),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('progress', models.FloatField(default=0.0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('token', models.UUIDField(blank=True, null=True)),
                ('lease_end', models.DateTimeField(blank=True, null=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('threshold', models.FloatField()),
                ('effective_depth', models.FloatField(blank=True, null=True)),
                ('counts', models.BinaryField(default=b'')),
                ('alignment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='counts', to='jobs.alignment')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Output',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=12)),
                ('layer', models.SmallIntegerField(default=-1)),
                ('item_index', models.IntegerField(default=-1)),
                ('dtype', models.CharField(max_length=4)),
                ('width', models.PositiveIntegerField()),
                ('rows', models.JSONField()),
                ('data', models.BinaryField()),
                ('checksum', models.BinaryField(max_length=16)),
                ('chunk', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='outputs', to='jobs.chunk')),
            ],
        ),
        migrations.CreateModel(
            name='HomologSearch',
            fields=[
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='waiting', max_length=9)),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('progress', models.FloatField(default=0.0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('token', models.UUIDField(blank=True, null=True)),
                ('lease_end', models.DateTimeField(blank=True, null=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('database_name', models.CharField(max_length=60)),
                ('database_digest', models.CharField(max_length=64)),
                ('parent', models.TextField()),
                ('settings', models.JSONField()),
                ('iteration', models.PositiveSmallIntegerField(default=0)),
                ('hits', models.PositiveIntegerField(blank=True, null=True)),
                ('converged', models.BooleanField(blank=True, null=True)),
                ('alignment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='jobs.alignment')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='searches', to=settings.AUTH_USER_MODEL)),
                ('database', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='jobs.sequencedatabase')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Structure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('item_index', models.PositiveIntegerField(default=0)),
                ('name', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.PositiveBigIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('chain', models.CharField(max_length=20)),
                ('residues', models.PositiveIntegerField()),
                ('aligned', models.PositiveIntegerField()),
                ('identical', models.PositiveIntegerField()),
                ('data', models.BinaryField()),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='structures', to='jobs.job')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('url', models.CharField(max_length=500)),
                ('secret', models.CharField(max_length=100)),
                ('events', models.JSONField()),
                ('active', models.BooleanField(default=True)),
                ('reason', models.CharField(blank=True, default='', max_length=200)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('event', models.CharField(max_length=20)),
                ('body', models.TextField()),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('delivered', models.BooleanField(default=False)),
                ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, default='', max_length=200)),
                ('next_attempt_at', models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='jobs.webhook')),
            ],
        ),
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('name', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('model', models.CharField(max_length=40)),
                ('state', models.CharField(choices=[('starting', 'Starting'), ('ready', 'Ready'), ('sick', 'Sick'), ('stopped', 'Stopped')], max_length=8)),
                ('reason', models.TextField(blank=True, default='')),
                ('draining', models.BooleanField(db_default=False, default=False)),
                ('run', models.CharField(blank=True, db_default='', default='', max_length=32)),
                ('device_errors', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('last_bundle_at', models.DateTimeField(blank=True, null=True)),
                ('tokens_per_second', models.FloatField(blank=True, null=True)),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('heartbeat_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('last_forward_at', models.DateTimeField(blank=True, null=True)),
                ('engine', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='jobs.enginerecord')),
            ],
        ),
        migrations.AddIndex(
            model_name='alignment',
            index=models.Index(fields=['owner', '-created_at', '-id'], name='alignment_by_owner'),
        ),
        migrations.AddConstraint(
            model_name='alignment',
            constraint=models.UniqueConstraint(fields=('owner', 'digest'), name='alignment_once_per_owner'),
        ),
        migrations.AddConstraint(
            model_name='alignmentblock',
            constraint=models.UniqueConstraint(fields=('alignment', 'number'), name='alignment_block_once'),
        ),
        migrations.AddConstraint(
            model_name='artefactblock',
            constraint=models.UniqueConstraint(fields=('artefact', 'build', 'number'), name='artefact_block_once'),
        ),
        migrations.AddIndex(
            model_name='context',
            index=models.Index(condition=models.Q(('unused_since__isnull', False)), fields=['id'], name='context_to_look_at'),
        ),
        migrations.AddConstraint(
            model_name='context',
            constraint=models.UniqueConstraint(fields=('owner', 'digest'), include=('tokens',), name='context_once_per_owner'),
        ),
        migrations.AddIndex(
            model_name='contextset',
            index=models.Index(fields=['owner', '-created_at', '-id'], name='context_set_by_owner'),
        ),
        migrations.AddConstraint(
            model_name='contextset',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='context_set_once_per_name'),
        ),
        migrations.AddConstraint(
            model_name='contextsetmember',
            constraint=models.UniqueConstraint(fields=('set', 'position'), name='context_set_member_once'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['owner', '-created_at', '-id'], name='job_by_owner'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state__in', ['validating', 'queued', 'running', 'finalizing', 'paused', 'cancelling'])), fields=['model', 'created_at'], name='job_unfinished'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('expires_at__isnull', False)), fields=['expires_at'], name='job_expires'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('purged_at__isnull', True), ('state', 'expired')), fields=['id'], name='job_to_purge'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(fields=('owner', 'idempotency_key'), name='job_once_per_key'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['validating', 'queued', 'running', 'finalizing', 'paused', 'cancelling', 'succeeded', 'partial', 'failed', 'cancelled', 'expired'])), name='job_state_known'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('skipped_items__lte', models.F('total_items'))), name='job_skipped_within_total'),
        ),
        migrations.AddIndex(
            model_name='item',
            index=models.Index(condition=models.Q(('error_code__isnull', False)), fields=['job', 'index'], name='item_with_error'),
        ),
        migrations.AddIndex(
            model_name='item',
            index=models.Index(condition=models.Q(('context__isnull', False)), fields=['context'], name='item_with_context'),
        ),
        migrations.AddConstraint(
            model_name='item',
            constraint=models.CheckConstraint(condition=models.Q(('chunk__isnull', False), ('error_code__isnull', False), _connector='OR'), name='item_skipped_has_reason'),
        ),
        migrations.AddConstraint(
            model_name='extension',
            constraint=models.UniqueConstraint(fields=('job', 'idempotency_key'), name='extension_once_per_key'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(fields=['job', 'first_index'], name='chunk_in_order'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('state__in', ['ready', 'leased'])), fields=['job', 'id'], name='chunk_open'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('unit_count__gt', 0)), fields=['job', 'group', 'unit_first'], include=('state', 'unit_count'), name='chunk_units'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('blocked', True)), fields=['job', 'group'], name='chunk_blocked'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('state__in', ['done', 'failed', 'cancelled'])), fields=['job', 'id'], include=('state', 'engine', 'n_items', 'n_succeeded', 'n_failed', 'n_bytes'), name='chunk_closed'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('state__in', ['done', 'failed'])), fields=['job', 'finished_at'], include=('n_items',), name='chunk_finished'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('state', 'leased')), fields=['lease_token'], name='chunk_by_token'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('state', 'leased')), fields=['lease_end'], name='chunk_leases'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('published_at__isnull', False), ('state', 'ready')), fields=['model'], name='chunk_published'),
        ),
        migrations.AddConstraint(
            model_name='chunk',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['ready', 'leased', 'done', 'failed', 'cancelled'])), name='chunk_state_known'),
        ),
        migrations.AddConstraint(
            model_name='chunk',
            constraint=models.CheckConstraint(condition=models.Q(('unit_count', 0), models.Q(('blocked', False), ('group__isnull', False), ('n_items', 0)), _connector='OR'), name='chunk_units_hold_no_items'),
        ),
        migrations.AddConstraint(
            model_name='chunk',
            constraint=models.CheckConstraint(condition=models.Q(('blocked', False), models.Q(('group__isnull', False), ('state__in', ['ready', 'cancelled'])), _connector='OR'), name='chunk_blocked_waits'),
        ),
        migrations.AddConstraint(
            model_name='chunk',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('lease_token__isnull', False), ('state', 'leased')), models.Q(models.Q(('state', 'leased'), _negated=True), ('lease_end__isnull', True), ('lease_token__isnull', True)), _connector='OR'), name='chunk_lease_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='chunk',
            constraint=models.CheckConstraint(condition=models.Q(('n_items', django.db.models.expressions.CombinedExpression(models.F('n_succeeded'), '+', models.F('n_failed'))), models.Q(('n_failed', 0), ('n_succeeded', 0), ('state__in', ['ready', 'leased', 'cancelled'])), _connector='OR'), name='chunk_counts_add_up'),
        ),
        migrations.AddIndex(
            model_name='artefact',
            index=models.Index(condition=models.Q(('state__in', ['waiting', 'building'])), fields=['lease_end'], name='artefact_unfinished'),
        ),
        migrations.AddConstraint(
            model_name='artefact',
            constraint=models.UniqueConstraint(fields=('job', 'kind', 'fingerprint'), name='artefact_once'),
        ),
        migrations.AddConstraint(
            model_name='artefact',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'building', 'ready', 'failed', 'cancelled'])), name='artefact_state_known'),
        ),
        migrations.AddConstraint(
            model_name='jobcolumn',
            constraint=models.UniqueConstraint(fields=('job', 'name'), name='job_column_once'),
        ),
        migrations.AddConstraint(
            model_name='jobcolumn',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['numeric', 'categorical'])), name='job_column_kind_known'),
        ),
        migrations.AddIndex(
            model_name='jobcontext',
            index=models.Index(fields=['context'], name='job_context_named'),
        ),
        migrations.AddConstraint(
            model_name='jobcontext',
            constraint=models.UniqueConstraint(fields=('job', 'position'), name='job_context_once'),
        ),
        migrations.AddIndex(
            model_name='neighbourcount',
            index=models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_end'], name='neighbourcount_open'),
        ),
        migrations.AddConstraint(
            model_name='neighbourcount',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed', 'cancelled'])), name='neighbourcount_state_known'),
        ),
        migrations.AddConstraint(
            model_name='neighbourcount',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_end__isnull', True), ('token__isnull', True)), _connector='OR'), name='neighbourcount_lease_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='neighbourcount',
            constraint=models.UniqueConstraint(fields=('alignment', 'threshold'), name='neighbour_count_once'),
        ),
        migrations.AddConstraint(
            model_name='output',
            constraint=models.UniqueConstraint(fields=('chunk', 'kind', 'layer', 'item_index'), name='output_once'),
        ),
        migrations.AddIndex(
            model_name='homologsearch',
            index=models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_end'], name='homologsearch_open'),
        ),
        migrations.AddIndex(
            model_name='homologsearch',
            index=models.Index(fields=['owner', '-created_at', '-id'], name='search_by_owner'),
        ),
        migrations.AddConstraint(
            model_name='homologsearch',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed', 'cancelled'])), name='homologsearch_state_known'),
        ),
        migrations.AddConstraint(
            model_name='homologsearch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_end__isnull', True), ('token__isnull', True)), _connector='OR'), name='homologsearch_lease_is_whole'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('next_attempt_at__isnull', False)), fields=['next_attempt_at'], name='delivery_due'),
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]

    def apply(self, project_state, schema_editor, collect_sql=False):
        """Make the tables and record the 17 migrations, unless the database has them."""
        recorder = MigrationRecorder(schema_editor.connection)
        if set(self.adopts) <= set(recorder.applied_migrations()):
            return self.mutate_state(project_state, preserve=False)
        state = super().apply(project_state, schema_editor, collect_sql)
        if not collect_sql:
            for app, name in self.adopts:
                recorder.record_applied(app, name)
        return state

    def unapply(self, project_state, schema_editor, collect_sql=False):
        state = super().unapply(project_state, schema_editor, collect_sql)
        if not collect_sql:
            recorder = MigrationRecorder(schema_editor.connection)
            for app, name in self.adopts:
                recorder.record_unapplied(app, name)
        return state
