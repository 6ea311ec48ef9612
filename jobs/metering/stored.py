"""Bytes that users keep, by owner, model and project: what quotas limit and accounts sum up over time.

A new table whose rows count is added to `STORED`. What a member of a project adds to another user's job is the
member's (`added_by_id`).
"""

from __future__ import annotations

from django.db import transaction

from jobs import database
from jobs.metering.charges import CENTRE_OF_OWNER, PROJECT_NAME
from jobs.models import StorageClock

# All parts have the same types: only then Postgres looks up one owner's rows in each part by its index.
STORED = """
    SELECT owner_id, model::text AS model, stored_bytes::bigint AS bytes, project_id
        FROM jobs_job WHERE state <> 'validating'
    UNION ALL
    SELECT job.owner_id, job.model::text, octet_length(output.data)::bigint, job.project_id
        FROM jobs_job job JOIN jobs_chunk unit ON unit.job_id = job.id AND unit.unit_count > 0
        JOIN jobs_output output ON output.chunk_id = unit.id WHERE job.state = 'paused' AND NOT EXISTS (
            SELECT FROM jobs_unitgroup kept WHERE kept.job_id = job.id AND kept."group" = unit."group")
    UNION ALL
    SELECT job.owner_id, job.model::text, artefact.size::bigint, job.project_id
        FROM jobs_artefact artefact JOIN jobs_job job ON job.id = artefact.job_id WHERE artefact.added_by_id IS NULL
    UNION ALL
    SELECT artefact.added_by_id, job.model::text, artefact.size::bigint, job.project_id
        FROM jobs_artefact artefact JOIN jobs_job job ON job.id = artefact.job_id WHERE artefact.added_by_id IS NOT NULL
    UNION ALL
    SELECT owner_id, ''::text, size::bigint, project_id FROM jobs_alignment
    UNION ALL
    SELECT job.owner_id, job.model::text, assay.size::bigint, job.project_id
        FROM jobs_assay assay JOIN jobs_job job ON job.id = assay.job_id WHERE assay.added_by_id IS NULL
    UNION ALL
    SELECT assay.added_by_id, job.model::text, assay.size::bigint, job.project_id
        FROM jobs_assay assay JOIN jobs_job job ON job.id = assay.job_id WHERE assay.added_by_id IS NOT NULL
    UNION ALL
    SELECT job.owner_id, job.model::text, structure.size::bigint, job.project_id
        FROM jobs_structure structure JOIN jobs_job job ON job.id = structure.job_id WHERE structure.added_by_id IS NULL
    UNION ALL
    SELECT structure.added_by_id, job.model::text, structure.size::bigint, job.project_id
        FROM jobs_structure structure JOIN jobs_job job ON job.id = structure.job_id
        WHERE structure.added_by_id IS NOT NULL
    UNION ALL
    SELECT job.owner_id, job.model::text, annotation.size::bigint, job.project_id
        FROM jobs_annotation annotation JOIN jobs_job job ON job.id = annotation.job_id
        WHERE annotation.added_by_id IS NULL
    UNION ALL
    SELECT annotation.added_by_id, job.model::text, annotation.size::bigint, job.project_id
        FROM jobs_annotation annotation JOIN jobs_job job ON job.id = annotation.job_id
        WHERE annotation.added_by_id IS NOT NULL
    UNION ALL
    SELECT job.owner_id, job.model::text, (octet_length(col.values) + pg_column_size(col.categories))::bigint,
        job.project_id
        FROM jobs_jobcolumn col JOIN jobs_job job ON job.id = col.job_id WHERE col.added_by_id IS NULL
    UNION ALL
    SELECT col.added_by_id, job.model::text, (octet_length(col.values) + pg_column_size(col.categories))::bigint,
        job.project_id
        FROM jobs_jobcolumn col JOIN jobs_job job ON job.id = col.job_id WHERE col.added_by_id IS NOT NULL
    UNION ALL
    SELECT owner_id, ''::text, tokens::bigint, NULL::uuid FROM jobs_context
    UNION ALL
    SELECT owner_id, ''::text, pg_column_size(provenance)::bigint, project_id FROM jobs_contextset
    UNION ALL
    SELECT alignment.owner_id, ''::text, octet_length(neighbours.counts)::bigint, alignment.project_id
        FROM jobs_neighbourcount neighbours JOIN jobs_alignment alignment ON alignment.id = neighbours.alignment_id
    UNION ALL
    SELECT owner_id, ''::text, octet_length(parent)::bigint, NULL::uuid FROM jobs_homologsearch
    UNION ALL
    SELECT owner_id, ''::text, (octet_length(parent) + octet_length(cds))::bigint, project_id FROM jobs_campaign
    UNION ALL
    SELECT campaign.owner_id, ''::text, (100 + octet_length(measurement.variant))::bigint, campaign.project_id
        FROM jobs_measurement measurement JOIN jobs_property property ON property.id = measurement.property_id
        JOIN jobs_campaign campaign ON campaign.id = property.campaign_id
        WHERE measurement.added_by_id IS NULL
    UNION ALL
    SELECT measurement.added_by_id, ''::text, (100 + octet_length(measurement.variant))::bigint, campaign.project_id
        FROM jobs_measurement measurement JOIN jobs_property property ON property.id = measurement.property_id
        JOIN jobs_campaign campaign ON campaign.id = property.campaign_id
        WHERE measurement.added_by_id IS NOT NULL
    UNION ALL
    SELECT campaign.owner_id, ''::text,
        (octet_length(model.tables) + pg_column_size(model.training) + pg_column_size(model.fits))::bigint,
        campaign.project_id
        FROM jobs_propertymodel model JOIN jobs_campaign campaign ON campaign.id = model.campaign_id
        WHERE model.added_by_id IS NULL
    UNION ALL
    SELECT model.added_by_id, ''::text,
        (octet_length(model.tables) + pg_column_size(model.training) + pg_column_size(model.fits))::bigint,
        campaign.project_id
        FROM jobs_propertymodel model JOIN jobs_campaign campaign ON campaign.id = model.campaign_id
        WHERE model.added_by_id IS NOT NULL
    UNION ALL
    SELECT campaign.owner_id, ''::text, octet_length(plan.frozen)::bigint, campaign.project_id
        FROM jobs_round plan JOIN jobs_campaign campaign ON campaign.id = plan.campaign_id
        WHERE plan.added_by_id IS NULL
    UNION ALL
    SELECT plan.added_by_id, ''::text, octet_length(plan.frozen)::bigint, campaign.project_id
        FROM jobs_round plan JOIN jobs_campaign campaign ON campaign.id = plan.campaign_id
        WHERE plan.added_by_id IS NOT NULL
    UNION ALL
    SELECT campaign.owner_id, ''::text, (file.size + pg_column_size(file.asked))::bigint, campaign.project_id
        FROM jobs_predictionfile file JOIN jobs_propertymodel model ON model.id = file.model_id
        JOIN jobs_campaign campaign ON campaign.id = model.campaign_id WHERE file.added_by_id IS NULL
    UNION ALL
    SELECT file.added_by_id, ''::text, (file.size + pg_column_size(file.asked))::bigint, campaign.project_id
        FROM jobs_predictionfile file JOIN jobs_propertymodel model ON model.id = file.model_id
        JOIN jobs_campaign campaign ON campaign.id = model.campaign_id WHERE file.added_by_id IS NOT NULL
"""

_ADD_SAMPLE = f"""
    INSERT INTO jobs_usageaccount AS account
        (month, owner_id, owner_name, model, cost_centre, project, project_name, stored_byte_days)
    SELECT span.month, owner.id, owner.username, kept.model, coalesce(centre.code, ''),
        coalesce(kept.project_id::text, ''), {PROJECT_NAME}, kept.bytes * span.days
    FROM (
        SELECT owner_id, model, project_id, sum(bytes)::float8 AS bytes FROM ({STORED}) stored GROUP BY 1, 2, 3
    ) kept
    JOIN auth_user owner ON owner.id = kept.owner_id
    LEFT JOIN jobs_project project ON project.id = kept.project_id
    {CENTRE_OF_OWNER}
    CROSS JOIN (
        SELECT start::date AS month, extract(epoch FROM
            least(start + interval '1 month', %(until)s::timestamp) - greatest(start, %(since)s::timestamp)
        ) / 86400 AS days
        FROM generate_series(date_trunc('month', %(since)s::timestamp), %(until)s::timestamp, interval '1 month') start
    ) span
    WHERE kept.bytes > 0 AND span.days > 0
    ORDER BY owner.id, span.month, kept.model, kept.project_id
    ON CONFLICT (owner_id, month, model, cost_centre, project) DO UPDATE SET
        owner_name = excluded.owner_name,
        project_name = coalesce(nullif(excluded.project_name, ''), account.project_name),
        stored_byte_days = account.stored_byte_days + excluded.stored_byte_days
"""  # noqa: S608 - constants of the package


def storage_sample() -> None:
    """Add what everyone keeps now to the accounts, for the time since the last sample.

    A span over the end of a month is divided between the months. The first call only starts the clock.
    """
    StorageClock.objects.bulk_create([StorageClock()], ignore_conflicts=True)
    with transaction.atomic():
        since, until = database.rows(
            "SELECT sampled_at AT TIME ZONE 'UTC', statement_timestamp() AT TIME ZONE 'UTC' "
            "FROM jobs_storageclock WHERE id = 1 FOR UPDATE"
        )[0]
        database.execute(_ADD_SAMPLE, {"since": since, "until": until})
        database.execute("UPDATE jobs_storageclock SET sampled_at = %s::timestamp AT TIME ZONE 'UTC'", [until])
