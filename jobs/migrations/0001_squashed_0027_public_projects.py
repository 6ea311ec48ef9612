"""The tables that the migrations up to 0027 make, in one step for new databases.

A database that has applied some of those continues with them, and Django leaves this one out (docs/add-a-feature.md).
"""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


# How Postgres lays the tables out, which Django's models cannot say.
STORAGE = """
-- Arrays and packed files do not compress: EXTERNAL saves the attempt, and lets substring() read a slice.
ALTER TABLE jobs_output ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE jobs_artefactblock ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE jobs_alignmentblock ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE jobs_structureblock ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE jobs_predictionblock ALTER COLUMN data SET STORAGE EXTERNAL;
-- A chunk's row changes four times in its life: room on the page, and vacuum before the queue's indexes bloat.
ALTER TABLE jobs_chunk SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
"""


class Together(migrations.SeparateDatabaseAndState):
    """Operations that create models, whose classes Django makes once, after the last.

    One after the other, Django makes the classes of all related models again for each: that takes three times as long.
    """

    def __init__(self, operations):
        super().__init__(operations, operations)

    def deconstruct(self):
        return type(self).__qualname__, [self.state_operations], {}

    def state_forwards(self, app_label, state):
        vars(state).pop("apps", None)  # a cached property: the classes of the models so far
        super().state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        for operation in self.database_operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    initial = True

    replaces = [
        # Those before version 0.1.0. 0001_squashed records them, and an older database may have only them.
        ('jobs', '0001_initial'),
        ('jobs', '0002_storage'),
        ('jobs', '0003_artefacts'),
        ('jobs', '0004_tallies'),
        ('jobs', '0005_context_sets'),
        ('jobs', '0006_alignments'),
        ('jobs', '0007_sharing'),
        ('jobs', '0008_extensions'),
        ('jobs', '0009_searches'),
        ('jobs', '0010_worker_errors'),
        ('jobs', '0011_analyses'),
        ('jobs', '0012_work_units'),
        ('jobs', '0013_attachments'),
        ('jobs', '0014_webhooks'),
        ('jobs', '0015_contexts_end'),
        ('jobs', '0016_chunk_begun'),
        ('jobs', '0017_text_bytes'),
        # Those in this folder.
        ('jobs', '0001_squashed'),
        ('jobs', '0002_artefacts_are_works'),
        ('jobs', '0003_jobs_are_held'),
        ('jobs', '0004_structures_keep_their_file'),
        ('jobs', '0005_assays_have_a_numbering'),
        ('jobs', '0006_assays_have_notes'),
        ('jobs', '0007_alignments_have_notes'),
        ('jobs', '0008_holds_and_duties'),
        ('jobs', '0009_turns_of_jobs'),
        ('jobs', '0010_accounts_of_use'),
        ('jobs', '0011_workers_last_error'),
        ('jobs', '0012_notices'),
        ('jobs', '0013_outside_logins'),
        ('jobs', '0014_projects'),
        ('jobs', '0015_costs_of_work'),
        ('jobs', '0016_accounts_by_project'),
        ('jobs', '0017_campaigns'),
        ('jobs', '0018_precision_of_jobs'),
        ('jobs', '0019_common_units'),
        ('jobs', '0020_annotations'),
        ('jobs', '0021_campaigns_in_projects'),
        ('jobs', '0022_embeddings_of_models'),
        ('jobs', '0023_job_pictures'),
        ('jobs', '0024_public_links'),
        ('jobs', '0025_prediction_files'),
        ('jobs', '0026_workers_of_cost_centres'),
        ('jobs', '0027_public_projects'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together([
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
                options={
                    'indexes': [models.Index(condition=models.Q(('unused_since__isnull', False)), fields=['id'], name='context_to_look_at')],
                    'constraints': [models.UniqueConstraint(fields=('owner', 'digest'), include=('tokens',), name='context_once_per_owner')],
                },
            ),
            migrations.CreateModel(
                name='CostCentre',
                fields=[
                    ('group', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='cost_centre', serialize=False, to='auth.group')),
                    ('code', models.CharField(max_length=100)),
                    ('own_workers', models.BooleanField(db_default=False, default=False, help_text='Only workers that were started for this cost centre compute the work of this group. Without such a worker its work waits.', verbose_name='computed by its own workers')),
                ],
            ),
            migrations.CreateModel(
                name='Duty',
                fields=[
                    ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                    ('done_at', models.DateTimeField(blank=True, null=True)),
                    ('counted_from', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
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
                name='Hold',
                fields=[
                    ('name', models.CharField(max_length=320, primary_key=True, serialize=False)),
                    ('token', models.UUIDField()),
                    ('lease_end', models.DateTimeField()),
                ],
                options={
                    'indexes': [models.Index(fields=['token'], name='hold_by_token')],
                },
            ),
            migrations.CreateModel(
                name='Mail',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('message_id', models.UUIDField(default=uuid.uuid4, unique=True)),
                    ('subject', models.CharField(max_length=300)),
                    ('body', models.TextField()),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('sent', models.BooleanField(default=False)),
                    ('reason', models.CharField(blank=True, default='', max_length=300)),
                    ('next_attempt_at', models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mails', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('next_attempt_at__isnull', False)), fields=['next_attempt_at'], name='mail_open')],
                },
            ),
            migrations.CreateModel(
                name='NoticeChoice',
                fields=[
                    ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('email', models.CharField(choices=[('off', 'never'), ('long', 'for jobs that take five minutes or more'), ('all', 'for every job')], default='off', max_length=4)),
                    ('browser', models.CharField(choices=[('off', 'never'), ('long', 'for jobs that take five minutes or more'), ('all', 'for every job')], default='off', max_length=4)),
                ],
            ),
            migrations.CreateModel(
                name='OutsideLogin',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('issuer', models.CharField(max_length=300)),
                    ('subject', models.CharField(max_length=255)),
                    ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='outside_login', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('issuer', 'subject'), name='outside_login_once')],
                },
            ),
            migrations.CreateModel(
                name='Project',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(max_length=100)),
                    ('description', models.CharField(blank=True, default='', max_length=500)),
                    ('notes', models.TextField(blank=True, default='')),
                    ('link_digest', models.CharField(blank=True, max_length=64, null=True, unique=True)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('archived_at', models.DateTimeField(blank=True, null=True)),
                    ('deleted_at', models.DateTimeField(blank=True, null=True)),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='projects', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [
                        models.Index(fields=['owner', '-created_at', '-id'], name='project_by_owner'),
                        models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['deleted_at'], name='project_deleted'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Quota',
                fields=[
                    ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('active_jobs', models.PositiveIntegerField(blank=True, help_text='Unfinished jobs; empty: as the service.', null=True)),
                    ('sync_requests', models.PositiveIntegerField(blank=True, help_text='Synchronous requests at once; empty: as the service.', null=True)),
                    ('queued_tokens', models.PositiveBigIntegerField(blank=True, help_text='Tokens that wait or are being computed; empty: as the service.', null=True)),
                    ('stored_bytes', models.PositiveBigIntegerField(blank=True, help_text='Bytes of libraries, results and files; empty: as the service.', null=True)),
                    ('budget', models.DecimalField(blank=True, decimal_places=2, help_text='What the user may spend in a month, by the price list (E1_PRICES); empty: as the service.', max_digits=12, null=True)),
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
                name='StorageClock',
                fields=[
                    ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('sampled_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
            ),
            migrations.CreateModel(
                name='Turn',
                fields=[
                    ('job_id', models.UUIDField(primary_key=True, serialize=False)),
                    ('handed_out', models.BigIntegerField(default=0)),
                    ('last', models.BigIntegerField(default=0)),
                ],
            ),
            migrations.CreateModel(
                name='UsageAccount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('month', models.DateField()),
                    ('owner_id', models.IntegerField()),
                    ('owner_name', models.CharField(max_length=150)),
                    ('model', models.CharField(blank=True, max_length=40)),
                    ('cost_centre', models.CharField(blank=True, db_default='', default='', max_length=100)),
                    ('gpu_seconds', models.FloatField(db_default=0.0, default=0.0)),
                    ('cpu_seconds', models.FloatField(db_default=0.0, default=0.0)),
                    ('passes', models.BigIntegerField(db_default=0, default=0)),
                    ('residues', models.BigIntegerField(db_default=0, default=0)),
                    ('stored_byte_days', models.FloatField(db_default=0.0, default=0.0)),
                    ('project', models.CharField(blank=True, db_default='', default='', max_length=36)),
                    ('project_name', models.CharField(blank=True, db_default='', default='', max_length=100)),
                ],
                options={
                    'indexes': [models.Index(fields=['month'], name='usage_by_month')],
                    'constraints': [models.UniqueConstraint(fields=('owner_id', 'month', 'model', 'cost_centre', 'project'), name='usage_once_per_person_month_model')],
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
                    ('notes', models.JSONField(db_default=[], default=list)),
                    ('project', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='alignments', to='jobs.project')),
                ],
                options={
                    'indexes': [
                        models.Index(fields=['owner', '-created_at', '-id'], name='alignment_by_owner'),
                        models.Index(condition=models.Q(('project__isnull', False)), fields=['project', '-created_at', '-id'], name='alignment_by_project'),
                    ],
                    'constraints': [models.UniqueConstraint(fields=('owner', 'digest'), name='alignment_once_per_owner')],
                },
            ),
            migrations.CreateModel(
                name='ContextSet',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=100)),
                    ('provenance', models.JSONField(default=dict)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='context_sets', to=settings.AUTH_USER_MODEL)),
                    ('project', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='context_sets', to='jobs.project')),
                ],
                options={
                    'indexes': [
                        models.Index(fields=['owner', '-created_at', '-id'], name='context_set_by_owner'),
                        models.Index(condition=models.Q(('project__isnull', False)), fields=['project', '-created_at', '-id'], name='context_set_by_project'),
                    ],
                    'constraints': [models.UniqueConstraint(fields=('owner', 'name'), name='context_set_once_per_name')],
                },
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
                options={
                    'indexes': [models.Index(condition=models.Q(('next_attempt_at__isnull', False)), fields=['next_attempt_at'], name='delivery_due')],
                },
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
                    ('held', models.BooleanField(db_default=False, default=False)),
                    ('archived_at', models.DateTimeField(blank=True, null=True)),
                    ('tags', models.JSONField(blank=True, db_default=[], default=list)),
                    ('project', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='jobs', to='jobs.project')),
                    ('precision', models.CharField(blank=True, db_default='', default='', max_length=8)),
                ],
                options={
                    'indexes': [
                        models.Index(fields=['owner', '-created_at', '-id'], name='job_by_owner'),
                        models.Index(condition=models.Q(('state__in', ['validating', 'queued', 'running', 'finalizing', 'paused', 'cancelling'])), fields=['model', 'created_at'], name='job_unfinished'),
                        models.Index(condition=models.Q(('expires_at__isnull', False)), fields=['expires_at'], name='job_expires'),
                        models.Index(condition=models.Q(('purged_at__isnull', True), ('state', 'expired')), fields=['id'], name='job_to_purge'),
                        models.Index(condition=models.Q(('project__isnull', False)), fields=['project', '-created_at', '-id'], name='job_by_project'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(fields=('owner', 'idempotency_key'), name='job_once_per_key'),
                        models.CheckConstraint(condition=models.Q(('state__in', ['validating', 'queued', 'running', 'finalizing', 'paused', 'cancelling', 'succeeded', 'partial', 'failed', 'cancelled', 'expired'])), name='job_state_known'),
                        models.CheckConstraint(condition=models.Q(('skipped_items__lte', models.F('total_items'))), name='job_skipped_within_total'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ProjectMember',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('role', models.CharField(choices=[('view', 'View'), ('edit', 'Edit')], default='view', max_length=4)),
                    ('by_link', models.BooleanField(default=False)),
                    ('added_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='members', to='jobs.project')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'constraints': [
                        models.UniqueConstraint(fields=('project', 'user'), name='project_member_once'),
                        models.CheckConstraint(condition=models.Q(('role__in', ['view', 'edit'])), name='project_role_known'),
                    ],
                },
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
                    ('last_error', models.CharField(blank=True, db_default='', default='', max_length=500)),
                    ('last_error_at', models.DateTimeField(blank=True, null=True)),
                    ('costs', models.JSONField(blank=True, db_default={}, default=dict)),
                    ('cost_centre', models.CharField(blank=True, db_default='', default='', max_length=100)),
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
                options={
                    'constraints': [models.UniqueConstraint(fields=('alignment', 'number'), name='alignment_block_once')],
                },
            ),
            migrations.CreateModel(
                name='Annotation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('item_index', models.PositiveIntegerField(default=0)),
                    ('name', models.CharField(max_length=200)),
                    ('sha256', models.CharField(max_length=64)),
                    ('size', models.PositiveBigIntegerField()),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('features', models.JSONField()),
                    ('notes', models.JSONField(db_default=[], default=list)),
                    ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='annotations', to='jobs.job')),
                ],
            ),
            migrations.CreateModel(
                name='Artefact',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(max_length=20)),
                    ('params', models.JSONField(db_default={}, default=dict)),
                    ('fingerprint', models.CharField(max_length=64)),
                    ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='waiting', max_length=9)),
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
                    ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='artefacts', to='jobs.job')),
                    ('progress', models.FloatField(default=0.0)),
                    ('token', models.UUIDField(blank=True, null=True)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_end'], name='artefact_open')],
                    'constraints': [
                        models.UniqueConstraint(fields=('job', 'kind', 'fingerprint'), name='artefact_once'),
                        models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed', 'cancelled'])), name='artefact_state_known'),
                        models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_end__isnull', True), ('token__isnull', True)), _connector='OR'), name='artefact_lease_is_whole'),
                    ],
                },
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
                    ('numbering', models.JSONField(null=True)),
                    ('notes', models.JSONField(db_default=[], default=list)),
                    ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Campaign',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(max_length=200)),
                    ('parent', models.TextField()),
                    ('model', models.CharField(max_length=40)),
                    ('context_set', models.CharField(blank=True, default='', max_length=200)),
                    ('numbering', models.JSONField()),
                    ('cds', models.TextField(blank=True, default='')),
                    ('host', models.CharField(blank=True, default='', max_length=40)),
                    ('exclude', models.JSONField(default=list)),
                    ('excluded', models.JSONField(default=list)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('alignment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='campaigns', to='jobs.alignment')),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='campaigns', to=settings.AUTH_USER_MODEL)),
                    ('project', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='campaigns', to='jobs.project')),
                ],
                options={
                    'indexes': [
                        models.Index(fields=['owner', '-created_at', '-id'], name='campaign_by_owner'),
                        models.Index(condition=models.Q(('project__isnull', False)), fields=['project', '-created_at', '-id'], name='campaign_by_project'),
                    ],
                },
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
                    ('n_attended', models.BigIntegerField(db_default=0, default=0)),
                    ('n_passes', models.PositiveIntegerField(db_default=0, default=0)),
                ],
                options={
                    'indexes': [
                        models.Index(fields=['job', 'first_index'], name='chunk_in_order'),
                        models.Index(condition=models.Q(('state__in', ['ready', 'leased'])), fields=['job', 'id'], name='chunk_open'),
                        models.Index(condition=models.Q(('unit_count__gt', 0)), fields=['job', 'group', 'unit_first'], include=('state', 'unit_count'), name='chunk_units'),
                        models.Index(condition=models.Q(('blocked', True)), fields=['job', 'group'], name='chunk_blocked'),
                        models.Index(condition=models.Q(('state__in', ['done', 'failed', 'cancelled'])), fields=['job', 'id'], include=('state', 'engine', 'n_items', 'n_succeeded', 'n_failed', 'n_bytes'), name='chunk_closed'),
                        models.Index(condition=models.Q(('state__in', ['done', 'failed'])), fields=['job', 'finished_at'], include=('n_items',), name='chunk_finished'),
                        models.Index(condition=models.Q(('state', 'leased')), fields=['lease_token'], name='chunk_by_token'),
                        models.Index(condition=models.Q(('state', 'leased')), fields=['lease_end'], name='chunk_leases'),
                        models.Index(condition=models.Q(('published_at__isnull', False), ('state', 'ready')), fields=['model'], name='chunk_published'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('state__in', ['ready', 'leased', 'done', 'failed', 'cancelled'])), name='chunk_state_known'),
                        models.CheckConstraint(condition=models.Q(('unit_count', 0), models.Q(('blocked', False), ('group__isnull', False), ('n_items', 0)), _connector='OR'), name='chunk_units_hold_no_items'),
                        models.CheckConstraint(condition=models.Q(('blocked', False), models.Q(('group__isnull', False), ('state__in', ['ready', 'cancelled'])), _connector='OR'), name='chunk_blocked_waits'),
                        models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('lease_token__isnull', False), ('state', 'leased')), models.Q(models.Q(('state', 'leased'), _negated=True), ('lease_end__isnull', True), ('lease_token__isnull', True)), _connector='OR'), name='chunk_lease_is_whole'),
                        models.CheckConstraint(condition=models.Q(('n_items', django.db.models.expressions.CombinedExpression(models.F('n_succeeded'), '+', models.F('n_failed'))), models.Q(('n_failed', 0), ('n_succeeded', 0), ('state__in', ['ready', 'leased', 'cancelled'])), _connector='OR'), name='chunk_counts_add_up'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ContextSetMember',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('position', models.PositiveSmallIntegerField()),
                    ('context', models.ForeignKey(on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='jobs.context')),
                    ('set', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='members', to='jobs.contextset')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('set', 'position'), name='context_set_member_once')],
                },
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
                options={
                    'constraints': [models.UniqueConstraint(fields=('job', 'idempotency_key'), name='extension_once_per_key')],
                },
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
                    'indexes': [
                        models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_end'], name='homologsearch_open'),
                        models.Index(fields=['owner', '-created_at', '-id'], name='search_by_owner'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed', 'cancelled'])), name='homologsearch_state_known'),
                        models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_end__isnull', True), ('token__isnull', True)), _connector='OR'), name='homologsearch_lease_is_whole'),
                    ],
                },
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
                    ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'constraints': [
                        models.UniqueConstraint(fields=('job', 'name'), name='job_column_once'),
                        models.CheckConstraint(condition=models.Q(('kind__in', ['numeric', 'categorical'])), name='job_column_kind_known'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='JobContext',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('position', models.PositiveSmallIntegerField()),
                    ('context', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='jobs.context')),
                    ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='contexts', to='jobs.job')),
                ],
                options={
                    'indexes': [models.Index(fields=['context'], name='job_context_named')],
                    'constraints': [models.UniqueConstraint(fields=('job', 'position'), name='job_context_once')],
                },
            ),
            migrations.CreateModel(
                name='JobPicture',
                fields=[
                    ('job', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='picture', serialize=False, to='jobs.job')),
                    ('of', models.CharField(max_length=80)),
                    ('picture', models.JSONField(null=True)),
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
                    'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_end'], name='neighbourcount_open')],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed', 'cancelled'])), name='neighbourcount_state_known'),
                        models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_end__isnull', True), ('token__isnull', True)), _connector='OR'), name='neighbourcount_lease_is_whole'),
                        models.UniqueConstraint(fields=('alignment', 'threshold'), name='neighbour_count_once'),
                    ],
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
                    ('virtual', models.PositiveIntegerField(db_default=0, default=0)),
                    ('file_size', models.PositiveBigIntegerField(db_default=0, default=0)),
                    ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
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
                name='UnitGroup',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('group', models.IntegerField()),
                    ('key', models.CharField(max_length=64)),
                    ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='unit_groups', to='jobs.job')),
                ],
                options={
                    'indexes': [models.Index(fields=['key', '-id'], name='unit_group_by_key')],
                    'constraints': [models.UniqueConstraint(fields=('job', 'group'), name='unit_group_once')],
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
                options={
                    'constraints': [models.UniqueConstraint(fields=('artefact', 'build', 'number'), name='artefact_block_once')],
                },
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
                options={
                    'indexes': [
                        models.Index(condition=models.Q(('error_code__isnull', False)), fields=['job', 'index'], name='item_with_error'),
                        models.Index(condition=models.Q(('context__isnull', False)), fields=['context'], name='item_with_context'),
                    ],
                    'constraints': [models.CheckConstraint(condition=models.Q(('chunk__isnull', False), ('error_code__isnull', False), _connector='OR'), name='item_skipped_has_reason')],
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
                options={
                    'constraints': [models.UniqueConstraint(fields=('chunk', 'kind', 'layer', 'item_index'), name='output_once')],
                },
            ),
            migrations.CreateModel(
                name='Property',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=100)),
                    ('unit', models.CharField(blank=True, default='', max_length=40)),
                    ('higher_is_better', models.BooleanField()),
                    ('log', models.BooleanField(default=False)),
                    ('limit_low', models.FloatField(blank=True, null=True)),
                    ('limit_high', models.FloatField(blank=True, null=True)),
                    ('threshold', models.FloatField(blank=True, null=True)),
                    ('normalisation', models.CharField(default='none', max_length=20)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='properties', to='jobs.campaign')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('campaign', 'name'), name='property_once_per_campaign')],
                },
            ),
            migrations.CreateModel(
                name='PublicLink',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('digest', models.CharField(max_length=64, unique=True)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('expires_at', models.DateTimeField(blank=True, null=True)),
                    ('job', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='public_link', to='jobs.job')),
                    ('project', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='public_link', to='jobs.project')),
                    ('campaign', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='public_link', to='jobs.campaign')),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('campaign__isnull', True), ('job__isnull', False), ('project__isnull', True)), models.Q(('campaign__isnull', True), ('job__isnull', True), ('project__isnull', False)), models.Q(('campaign__isnull', False), ('job__isnull', True), ('project__isnull', True)), _connector='OR'), name='public_link_opens_one_thing')],
                },
            ),
            migrations.CreateModel(
                name='Round',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.PositiveIntegerField()),
                    ('state', models.CharField(default='proposed', max_length=8)),
                    ('frozen', models.TextField()),
                    ('digest', models.CharField(max_length=64)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('ordered_at', models.DateTimeField(blank=True, null=True)),
                    ('measured_at', models.DateTimeField(blank=True, null=True)),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='rounds', to='jobs.campaign')),
                    ('added_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('added_by__isnull', False)), fields=['added_by'], name='round_by_adder')],
                    'constraints': [
                        models.UniqueConstraint(fields=('campaign', 'number'), name='round_once_per_campaign'),
                        models.CheckConstraint(condition=models.Q(('state__in', ('proposed', 'ordered', 'measured'))), name='round_state_known'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='StructureBlock',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.PositiveIntegerField()),
                    ('data', models.BinaryField()),
                    ('structure', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='blocks', to='jobs.structure')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('structure', 'number'), name='structure_block_once')],
                },
            ),
            migrations.CreateModel(
                name='Measurement',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('variant', models.TextField(blank=True, default='')),
                    ('digest', models.CharField(blank=True, default='', max_length=64)),
                    ('round', models.PositiveIntegerField(blank=True, null=True)),
                    ('plate', models.CharField(blank=True, default='', max_length=60)),
                    ('well', models.CharField(blank=True, default='', max_length=10)),
                    ('replicate', models.CharField(blank=True, default='', max_length=20)),
                    ('role', models.CharField(default='variant', max_length=9)),
                    ('value', models.FloatField(blank=True, null=True)),
                    ('censored', models.SmallIntegerField(default=0)),
                    ('failed', models.BooleanField(default=False)),
                    ('written', models.CharField(blank=True, default='', max_length=40)),
                    ('upload', models.CharField(max_length=64)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('property', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='measurements', to='jobs.property')),
                    ('added_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [
                        models.Index(fields=['property', 'id'], name='measurement_by_property'),
                        models.Index(condition=models.Q(('added_by__isnull', False)), fields=['added_by'], name='measurement_by_adder'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('role__in', ('variant', 'wild_type', 'dead', 'blank'))), name='measurement_role_known'),
                        models.CheckConstraint(condition=models.Q(models.Q(('failed', True), ('value__isnull', True)), models.Q(('failed', False), ('value__isnull', False)), _connector='OR'), name='measurement_has_a_value_or_failed'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='PropertyModel',
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
                    ('number', models.PositiveIntegerField()),
                    ('prior', models.CharField(max_length=20)),
                    ('features', models.CharField(max_length=20)),
                    ('seed', models.PositiveBigIntegerField(default=0)),
                    ('training', models.JSONField(default=list)),
                    ('counts', models.JSONField(default=dict)),
                    ('tables', models.BinaryField(default=b'')),
                    ('fits', models.JSONField(default=dict)),
                    ('card', models.JSONField(default=dict)),
                    ('digest', models.CharField(blank=True, default='', max_length=64)),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='models', to='jobs.campaign')),
                    ('property', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='models', to='jobs.property')),
                    ('added_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('features_job', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='property_models', to='jobs.job')),
                ],
                options={
                    'indexes': [
                        models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_end'], name='propertymodel_open'),
                        models.Index(condition=models.Q(('added_by__isnull', False)), fields=['added_by'], name='property_model_by_adder'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed', 'cancelled'])), name='propertymodel_state_known'),
                        models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_end__isnull', True), ('token__isnull', True)), _connector='OR'), name='propertymodel_lease_is_whole'),
                        models.UniqueConstraint(fields=('campaign', 'number'), name='property_model_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='PredictionFile',
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
                    ('kind', models.CharField(max_length=12)),
                    ('asked', models.JSONField()),
                    ('fingerprint', models.CharField(max_length=64)),
                    ('count', models.PositiveIntegerField()),
                    ('build', models.UUIDField(blank=True, null=True)),
                    ('size', models.BigIntegerField(default=0)),
                    ('sha256', models.CharField(blank=True, default='', max_length=64)),
                    ('files', models.JSONField(default=list)),
                    ('added_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='predictions', to='jobs.propertymodel')),
                ],
                options={
                    'indexes': [
                        models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['lease_end'], name='predictionfile_open'),
                        models.Index(condition=models.Q(('added_by__isnull', False)), fields=['added_by'], name='prediction_file_by_adder'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed', 'cancelled'])), name='predictionfile_state_known'),
                        models.CheckConstraint(condition=models.Q(models.Q(('lease_end__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_end__isnull', True), ('token__isnull', True)), _connector='OR'), name='predictionfile_lease_is_whole'),
                        models.UniqueConstraint(fields=('model', 'fingerprint'), name='prediction_file_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='PredictionBlock',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('build', models.UUIDField()),
                    ('number', models.PositiveIntegerField()),
                    ('data', models.BinaryField()),
                    ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='blocks', to='jobs.predictionfile')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('file', 'build', 'number'), name='prediction_block_once')],
                },
            ),
        ]),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
