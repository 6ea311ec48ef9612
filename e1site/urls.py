"""All addresses."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path
from django.views.decorators.cache import never_cache

from jobs.accounts import pages as account
from jobs.alignments import pages as alignments
from jobs.alignments import pages_contexts as contexts
from jobs.alignments import pages_summary as alignment_files
from jobs.campaigns import pages as campaigns
from jobs.campaigns import pages_comparison as campaign_comparison
from jobs.campaigns import pages_data as campaign_data
from jobs.campaigns import pages_libraries as campaign_libraries
from jobs.campaigns import pages_models as campaign_models
from jobs.campaigns import pages_rounds as campaign_rounds
from jobs.help import pages as help_pages
from jobs.maps import pages as maps
from jobs.metering import pages as metering
from jobs.notices import pages as notices
from jobs.operations import api as health
from jobs.operations import pages as service
from jobs.operations import pages_board as operations
from jobs.pages import attachments as removal
from jobs.pages import (
    baskets,
    bulk,
    items,
    job,
    job_acts,
    joblist,
    picks,
    proteins,
    public,
    public_campaigns,
    public_links,
    public_projects,
)
from jobs.pages.new_job.cost import new_job_cost
from jobs.pages.new_job.page import new_job
from jobs.projects import pages as projects
from jobs.projects import pages_sharing as sharing
from jobs.quotas import pages as quota
from jobs.variants import pages as variants
from jobs.variants import pages_assays as attachments
from jobs.variants import pages_comparisons as comparisons
from jobs.variants import pages_likelihoods as likelihoods
from jobs.variants import pages_scans as scans
from jobs.web import apidocs
from jobs.webhooks import pages as webhooks

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("favicon.ico", service.favicon, name="favicon"),
    path("api/docs/", apidocs.api_docs, name="openapi-docs"),
    path("help/", help_pages.help_index, name="help"),
    path("help/images/<str:name>", help_pages.help_picture, name="help-picture"),
    path("help/<path:name>/", help_pages.help_page, name="help-page"),
    path("", include("jobs.api.urls")),
    path("", joblist.job_list, name="job-list-page"),
    path("jobs/new/", new_job, name="job-new-page"),
    path("jobs/new/cost/", new_job_cost, name="job-new-cost"),
    path("jobs/<uuid:job_id>/", job.job_page, name="job-page"),
    path("jobs/<uuid:job_id>/public-link/", public_links.job_link, name="public-link-page"),
    path("projects/<uuid:project_id>/public-link/", public_links.project_link, name="project-public-link-page"),
    path("campaigns/<uuid:campaign_id>/public-link/", public_links.campaign_link, name="campaign-public-link-page"),
    path("public/<str:token>/", public.public_page, name="public-page"),
    path("public/<str:token>/download/", public.public_download, name="public-download"),
    path("public/<str:token>/jobs/<uuid:job_id>/", public.public_job_page, name="public-job"),
    path("public/<str:token>/jobs/<uuid:job_id>/download/", public.public_job_download, name="public-job-download"),
    path("public/<str:token>/assays/<int:assay_id>.csv", public_projects.public_assay, name="public-assay"),
    path("public/<str:token>/structures/<int:structure_id>", public_projects.public_structure, name="public-structure"),
    path(
        "public/<str:token>/alignments/<uuid:alignment_id>.a3m",
        public_projects.public_alignment,
        name="public-alignment",
    ),
    path("public/<str:token>/campaigns/<uuid:campaign_id>/", public_campaigns.public_campaign, name="public-campaign"),
    path("public/<str:token>/campaigns/<uuid:campaign_id>/data/", public_campaigns.public_data, name="public-data"),
    path(
        "public/<str:token>/campaigns/<uuid:campaign_id>/data/<int:property_id>.csv",
        public_campaigns.public_measurements,
        name="public-measurements",
    ),
    path(
        "public/<str:token>/campaigns/<uuid:campaign_id>/models/<int:number>/",
        public_campaigns.public_model,
        name="public-model",
    ),
    path(
        "public/<str:token>/campaigns/<uuid:campaign_id>/rounds/<int:number>/",
        public_campaigns.public_round,
        name="public-round",
    ),
    path("jobs/<uuid:job_id>/act/", job_acts.job_act, name="job-act"),
    path("jobs/<uuid:job_id>/items/", items.item_list, name="item-list-page"),
    path("jobs/<uuid:job_id>/items/<int:index>/", items.item_page, name="item-page"),
    path("jobs/bulk/", bulk.job_bulk, name="job-bulk"),
    path("projects/", projects.projects_page, name="projects-page"),
    path("projects/hand-over/", sharing.hand_over_page, name="hand-over-page"),
    path("projects/join/<str:token>/", sharing.project_join_page, name="project-join-page"),
    path("projects/<uuid:project_id>/", projects.project_page, name="project-page"),
    path("projects/<uuid:project_id>/act/", projects.project_act, name="project-act"),
    path("projects/<uuid:project_id>/share/", sharing.project_share, name="project-share"),
    path("campaigns/", campaigns.campaigns_page, name="campaigns-page"),
    path("campaigns/new/", campaigns.campaign_new_page, name="campaign-new-page"),
    path("campaigns/<uuid:campaign_id>/", campaigns.campaign_page, name="campaign-page"),
    path("campaigns/<uuid:campaign_id>/data/", campaign_data.data_page, name="campaign-data-page"),
    path("campaigns/<uuid:campaign_id>/library/", campaign_libraries.library_page, name="campaign-library-page"),
    path("campaigns/<uuid:campaign_id>/propose/", campaign_rounds.proposal_page, name="campaign-proposal-page"),
    path(
        "campaigns/<uuid:campaign_id>/models/compare/",
        campaign_comparison.comparison_page,
        name="campaign-comparison-page",
    ),
    path("campaigns/<uuid:campaign_id>/models/<int:number>/", campaign_models.model_page, name="campaign-model-page"),
    path("campaigns/<uuid:campaign_id>/rounds/<int:number>/", campaign_rounds.round_page, name="campaign-round-page"),
    path("contexts/", contexts.contexts_page, name="contexts-page"),
    path("contexts/sets/<str:name>/", contexts.context_set_page, name="context-set-page"),
    path("contexts/alignments/<uuid:alignment_id>/", alignments.alignment_page, name="alignment-page"),
    path(
        "contexts/alignments/<uuid:alignment_id>/summary/", alignment_files.alignment_summary, name="alignment-summary"
    ),
    path(
        "contexts/alignments/<uuid:alignment_id>/rows.a3m",
        alignment_files.alignment_rows,
        {"format": "a3m"},
        name="alignment-a3m",
    ),
    path(
        "contexts/alignments/<uuid:alignment_id>/rows.fasta",
        alignment_files.alignment_rows,
        {"format": "fasta"},
        name="alignment-fasta",
    ),
    path("contexts/searches/<uuid:search_id>/", contexts.search_page, name="search-page"),
    path("jobs/<uuid:job_id>/items/<int:index>/table.csv", items.item_table, {"format": "csv"}, name="item-table"),
    path("jobs/<uuid:job_id>/items/<int:index>/table.xlsx", items.item_table, {"format": "xlsx"}, name="item-workbook"),
    path(
        "jobs/<uuid:job_id>/items/<int:index>/substitutions.csv",
        scans.scan_substitutions,
        {"format": "csv"},
        name="scan-substitutions",
    ),
    path(
        "jobs/<uuid:job_id>/items/<int:index>/substitutions.xlsx",
        scans.scan_substitutions,
        {"format": "xlsx"},
        name="scan-workbook",
    ),
    path("jobs/<uuid:job_id>/items/<int:index>/annotations/", removal.annotation_upload, name="annotation-upload"),
    path("jobs/<uuid:job_id>/items/<int:index>/structures/", items.structure_upload, name="structure-upload"),
    path("jobs/<uuid:job_id>/items/<int:index>/basket/", baskets.basket_page, name="basket-page"),
    path("jobs/<uuid:job_id>/items/<int:index>/basket.csv", baskets.basket_file, {"format": "csv"}, name="basket-csv"),
    path(
        "jobs/<uuid:job_id>/items/<int:index>/basket.fasta",
        baskets.basket_file,
        {"format": "fasta"},
        name="basket-fasta",
    ),
    path("jobs/<uuid:job_id>/variants/", variants.variants_page, name="variants-page"),
    path("jobs/<uuid:job_id>/ranked/", likelihoods.likelihoods_page, name="likelihoods-page"),
    path("jobs/<uuid:job_id>/ranked.csv", likelihoods.likelihoods_table, {"format": "csv"}, name="likelihoods-table"),
    path("jobs/<uuid:job_id>/ranked.xlsx", likelihoods.likelihoods_table, {"format": "xlsx"}, name="likelihoods-book"),
    path("jobs/<uuid:job_id>/variants.csv", variants.variants_table, {"format": "csv"}, name="variants-table"),
    path("jobs/<uuid:job_id>/variants.xlsx", variants.variants_table, {"format": "xlsx"}, name="variants-workbook"),
    path("jobs/<uuid:job_id>/assays/", attachments.assay_list, name="assay-list-page"),
    path("jobs/<uuid:job_id>/assays/<int:assay_id>/", attachments.assay_page, name="assay-page"),
    path("jobs/<uuid:job_id>/compare/", comparisons.comparison_page, name="comparison-page"),
    path("jobs/<uuid:job_id>/compare.csv", comparisons.comparison_csv, name="comparison-csv"),
    path("jobs/<uuid:job_id>/attachments/delete/", removal.remove, name="attachment-remove"),
    path("jobs/<uuid:job_id>/items/<int:index>/neighbours/", picks.neighbours_page, name="neighbours-page"),
    path("jobs/<uuid:job_id>/map/", maps.map_page, name="map-page"),
    path("jobs/<uuid:job_id>/map/act/", maps.map_act, name="map-act"),
    path("jobs/<uuid:job_id>/picks/", picks.picks_act, name="picks-act"),
    path("proteins/", proteins.proteins_page, name="proteins-page"),
    path("service/", service.service_page, name="service-page"),
    path("operations/", operations.operations_page, name="operations-page"),
    path("operations/jobs/<uuid:job_id>/act/", operations.operations_act, name="operations-act"),
    path("account/quota/", quota.quota_page, name="quota-page"),
    path("account/notifications/", notices.notices_page, name="notices-page"),
    path("account/notifications/news/", notices.notices_news, name="notices-news"),
    path("account/usage/", metering.usage_page, name="usage-page"),
    path("account/usage.csv", metering.usage_table, name="usage-table"),
    path("account/tokens/", account.tokens, name="tokens-page"),
    path("account/tokens/<str:digest>/revoke/", account.token_revoke, name="token-revoke"),
    path("account/webhooks/", webhooks.webhooks, name="webhooks-page"),
    path("account/webhooks/<uuid:webhook_id>/act/", webhooks.webhook_act, name="webhook-act"),
    path("account/password/", account.PasswordChange.as_view(), name="password_change"),
    path("login/", never_cache(account.Login.as_view()), name="login"),
    path("logout/", account.Logout.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]

if settings.E1_OIDC_ISSUER:
    from jobs.accounts import oidc

    urlpatterns += [
        path("oidc/begin/", oidc.Begin.as_view(), name="oidc_authentication_init"),
        path("oidc/callback/", oidc.Callback.as_view(), name="oidc_authentication_callback"),
    ]

if settings.E1_LDAP_URL and find_spec("django_auth_ldap") is None:
    raise ImproperlyConfigured('E1_LDAP_URL needs the extra `ldap`: pip install "e1-service[ldap]" (docs/sign-in.md)')

handler404 = "jobs.web.errors.not_found"
handler400 = "jobs.web.errors.bad_request"
handler403 = "jobs.web.errors.forbidden"
handler500 = "jobs.web.errors.broken"
