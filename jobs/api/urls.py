"""Addresses of the REST interface."""

from django.urls import path
from rest_framework.renderers import JSONOpenAPIRenderer

from jobs.alignments import api as alignments
from jobs.alignments import api_searches as searches
from jobs.api import estimate, events, extend, jobs, proteins, results, sync
from jobs.campaigns import api as campaigns
from jobs.campaigns import api_comparison as model_comparison
from jobs.campaigns import api_files as campaign_files
from jobs.campaigns import api_libraries as libraries
from jobs.campaigns import api_models as models
from jobs.campaigns import api_predictions as predictions
from jobs.contacts import api
from jobs.contexts import api as contexts
from jobs.maps import api as analyses
from jobs.maps import api_columns as columns
from jobs.metering import api as metering
from jobs.projects import api as projects
from jobs.projects import api_sharing as sharing
from jobs.publishing import api as publishing
from jobs.quotas import api as quotas
from jobs.variants import api as attachments
from jobs.variants import api_annotations as annotations
from jobs.variants import api_baselines as baselines
from jobs.variants import api_comparisons as comparisons
from jobs.web.apidocs import ApiSchema
from jobs.web.rest import openapi
from jobs.webhooks import api as webhooks

__all__ = ["openapi", "urlpatterns"]

urlpatterns = [
    path("api/jobs/", jobs.JobList.as_view(), name="job-list"),
    path("api/jobs/<uuid:job_id>/", jobs.JobDetail.as_view(), name="job-detail"),
    path("api/jobs/<uuid:job_id>/events/", events.JobEvents.as_view(), name="job-events"),
    path("api/jobs/<uuid:job_id>/items/", results.JobItems.as_view(), name="job-items"),
    path("api/jobs/<uuid:job_id>/items/<int:index>/", results.JobItem.as_view(), name="job-item"),
    path("api/jobs/<uuid:job_id>/results/", results.JobResults.as_view(), name="job-results"),
    path("api/jobs/<uuid:job_id>/artefacts/<int:artefact_id>/", results.JobArtefact.as_view(), name="job-artefact"),
    path("api/jobs/<uuid:job_id>/ledger/", results.JobLedger.as_view(), name="job-ledger"),
    path("api/jobs/<uuid:job_id>/bad-records/", results.JobBadRecords.as_view(), name="job-bad-records"),
    path("api/jobs/<uuid:job_id>/analyses/", analyses.JobAnalyses.as_view(), name="job-analyses"),
    path("api/jobs/<uuid:job_id>/analyses/<int:analysis_id>/", analyses.JobAnalysis.as_view(), name="job-analysis"),
    path(
        "api/jobs/<uuid:job_id>/analyses/<int:analysis_id>/cancel/",
        analyses.AnalysisCancel.as_view(),
        name="job-analysis-cancel",
    ),
    path("api/jobs/<uuid:job_id>/columns/", columns.JobColumns.as_view(), name="job-columns"),
    path("api/jobs/<uuid:job_id>/columns/<int:column_id>/", columns.JobColumnView.as_view(), name="job-column"),
    path("api/jobs/<uuid:job_id>/neighbours/", analyses.JobNeighbours.as_view(), name="job-neighbours"),
    path("api/jobs/<uuid:job_id>/assays/", attachments.AssayList.as_view(), name="job-assays"),
    path("api/jobs/<uuid:job_id>/assays/<int:assay_id>/", attachments.AssayDetail.as_view(), name="job-assay"),
    path(
        "api/jobs/<uuid:job_id>/assays/<int:assay_id>/metrics/",
        baselines.AssayMetrics.as_view(),
        name="job-assay-metrics",
    ),
    path("api/jobs/<uuid:job_id>/baselines/", baselines.JobBaselines.as_view(), name="job-baselines"),
    path("api/jobs/<uuid:job_id>/comparison/", comparisons.JobComparison.as_view(), name="job-comparison"),
    path("api/jobs/<uuid:job_id>/annotations/", annotations.AnnotationList.as_view(), name="job-annotations"),
    path(
        "api/jobs/<uuid:job_id>/annotations/<int:annotation_id>/",
        annotations.AnnotationDetail.as_view(),
        name="job-annotation",
    ),
    path("api/jobs/<uuid:job_id>/structures/", api.StructureList.as_view(), name="job-structures"),
    path(
        "api/jobs/<uuid:job_id>/structures/<int:structure_id>/",
        api.StructureDetail.as_view(),
        name="job-structure",
    ),
    path(
        "api/jobs/<uuid:job_id>/structures/<int:structure_id>/model/",
        api.StructureModel.as_view(),
        name="job-structure-model",
    ),
    path(
        "api/jobs/<uuid:job_id>/structures/<int:structure_id>/file/",
        api.StructureFile.as_view(),
        name="job-structure-file",
    ),
    path("api/jobs/<uuid:job_id>/manifest/", results.JobManifest.as_view(), name="job-manifest"),
    path("api/jobs/<uuid:job_id>/cancel/", jobs.JobCancel.as_view(), name="job-cancel"),
    path("api/jobs/<uuid:job_id>/release/", jobs.JobRelease.as_view(), name="job-release"),
    path("api/jobs/<uuid:job_id>/pause/", jobs.JobPause.as_view(), name="job-pause"),
    path("api/jobs/<uuid:job_id>/resume/", jobs.JobResume.as_view(), name="job-resume"),
    path("api/jobs/<uuid:job_id>/keep/", jobs.JobKeep.as_view(), name="job-keep"),
    path("api/jobs/<uuid:job_id>/extend/", extend.JobExtend.as_view(), name="job-extend"),
    path("api/jobs/<uuid:job_id>/retry/", jobs.JobRetry.as_view(), name="job-retry"),
    path("api/jobs/<uuid:job_id>/public-link/", publishing.JobPublicLink.as_view(), name="job-public-link"),
    path("api/projects/", projects.ProjectList.as_view(), name="project-list"),
    path("api/projects/join/", sharing.ProjectJoin.as_view(), name="project-join"),
    path("api/projects/<uuid:project_id>/", projects.ProjectDetail.as_view(), name="project-detail"),
    path("api/projects/<uuid:project_id>/restore/", projects.ProjectRestore.as_view(), name="project-restore"),
    path("api/projects/<uuid:project_id>/add/", projects.ProjectAdd.as_view(), name="project-add"),
    path("api/projects/<uuid:project_id>/remove/", projects.ProjectRemove.as_view(), name="project-remove"),
    path("api/projects/<uuid:project_id>/members/", sharing.ProjectMembers.as_view(), name="project-members"),
    path(
        "api/projects/<uuid:project_id>/members/<str:username>/",
        sharing.ProjectMemberDetail.as_view(),
        name="project-member",
    ),
    path("api/projects/<uuid:project_id>/link/", sharing.ProjectLink.as_view(), name="project-link"),
    path("api/projects/<uuid:project_id>/hand-over/", sharing.ProjectHandOver.as_view(), name="project-hand-over"),
    path(
        "api/projects/<uuid:project_id>/public-link/",
        publishing.ProjectPublicLink.as_view(),
        name="project-public-link",
    ),
    path("api/alignments/", alignments.AlignmentList.as_view(), name="alignment-list"),
    path("api/alignments/<uuid:alignment_id>/", alignments.AlignmentDetail.as_view(), name="alignment-detail"),
    path("api/alignments/<uuid:alignment_id>/sample/", alignments.AlignmentSample.as_view(), name="alignment-sample"),
    path("api/databases/", searches.DatabaseList.as_view(), name="database-list"),
    path("api/searches/", searches.SearchList.as_view(), name="search-list"),
    path("api/searches/<uuid:search_id>/", searches.SearchDetail.as_view(), name="search-detail"),
    path("api/searches/<uuid:search_id>/cancel/", searches.SearchCancel.as_view(), name="search-cancel"),
    path("api/campaigns/", campaigns.CampaignList.as_view(), name="campaign-list"),
    path("api/campaigns/import/", campaign_files.CampaignImport.as_view(), name="campaign-import"),
    path("api/campaigns/<uuid:campaign_id>/", campaigns.CampaignDetail.as_view(), name="campaign-detail"),
    path(
        "api/campaigns/<uuid:campaign_id>/properties/",
        campaigns.CampaignProperties.as_view(),
        name="campaign-properties",
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/measurements/",
        campaigns.CampaignMeasurements.as_view(),
        name="campaign-measurements",
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/public-link/",
        publishing.CampaignPublicLink.as_view(),
        name="campaign-public-link",
    ),
    path("api/campaigns/<uuid:campaign_id>/export/", campaign_files.CampaignExport.as_view(), name="campaign-export"),
    path(
        "api/campaigns/<uuid:campaign_id>/libraries/",
        libraries.CampaignLibraries.as_view(),
        name="campaign-libraries",
    ),
    path("api/campaigns/<uuid:campaign_id>/models/", models.CampaignModels.as_view(), name="campaign-models"),
    path(
        "api/campaigns/<uuid:campaign_id>/models/comparison/",
        model_comparison.CampaignComparison.as_view(),
        name="campaign-comparison",
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/models/<int:number>/", models.CampaignModel.as_view(), name="campaign-model"
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/models/<int:number>/predictions/",
        predictions.CampaignPredictions.as_view(),
        name="campaign-predictions",
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/models/<int:number>/predictions/<int:file_id>/",
        predictions.CampaignPrediction.as_view(),
        name="campaign-prediction",
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/models/<int:number>/predictions/<int:file_id>/cancel/",
        predictions.CampaignPredictionCancel.as_view(),
        name="campaign-prediction-cancel",
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/models/<int:number>/predictions/<int:file_id>/file/",
        predictions.CampaignPredictionFile.as_view(),
        name="campaign-prediction-file",
    ),
    path("api/campaigns/<uuid:campaign_id>/proposals/", models.CampaignProposals.as_view(), name="campaign-proposals"),
    path("api/campaigns/<uuid:campaign_id>/rounds/", models.CampaignRounds.as_view(), name="campaign-rounds"),
    path(
        "api/campaigns/<uuid:campaign_id>/rounds/<int:number>/", models.CampaignRound.as_view(), name="campaign-round"
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/rounds/<int:number>/ordered/",
        models.RoundOrdered.as_view(),
        name="campaign-ordered",
    ),
    path(
        "api/campaigns/<uuid:campaign_id>/rounds/<int:number>/measured/",
        models.RoundMeasured.as_view(),
        name="campaign-measured",
    ),
    path("api/contexts/", contexts.ContextList.as_view(), name="context-list"),
    path("api/contexts/<str:name>/", contexts.ContextDetail.as_view(), name="context-detail"),
    path("api/proteins/", proteins.Proteins.as_view(), name="proteins"),
    path("api/estimate/", estimate.Estimate.as_view(), name="estimate"),
    path("api/usage/accounts/", metering.UsageAccounts.as_view(), name="usage-accounts"),
    path("api/usage/", quotas.Usage.as_view(), name="usage"),
    path("api/v3/schema/<slug:model>/<slug:action>/", sync.RequestSchema.as_view(), name="request-schema"),
    path("api/v3/<slug:model>/<slug:action>/", sync.Synchronous.as_view(), name="synchronous"),
    path("api/webhooks/", webhooks.WebhooksView.as_view(), name="webhook-list"),
    path("api/webhooks/<uuid:webhook_id>/", webhooks.WebhookDetail.as_view(), name="webhook-detail"),
    path("api/webhooks/<uuid:webhook_id>/deliveries/", webhooks.WebhookDeliveries.as_view(), name="webhook-deliveries"),
    path("api/schema/", ApiSchema.as_view(renderer_classes=[JSONOpenAPIRenderer]), name="openapi"),
]
