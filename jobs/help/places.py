"""Which document helps on which page. The name of a page's address leads to a document, with a section if one fits."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PLACES: Mapping[str, str] = MappingProxyType(
    {
        "job-list-page": "browser",
        "job-bulk": "projects",
        "job-new-page": "browser#1-a-new-job",
        "job-page": "browser#3-results",
        "proteins-page": "browser#3-results",
        "item-list-page": "input-rules#errors-of-a-record",
        "item-page": "results",
        "basket-page": "variant-walkthrough#1-a-scan-every-substitution-at-every-position",
        "neighbours-page": "maps",
        "map-page": "maps#the-page",
        "variants-page": "variant-walkthrough#3-the-ranked-list",
        "likelihoods-page": "actions#log_prob",
        "assay-list-page": "variant-walkthrough#5-measurements",
        "assay-page": "variant-walkthrough#5-measurements",
        "comparison-page": "variant-walkthrough#6-two-runs-side-by-side",
        "projects-page": "projects",
        "project-page": "projects#who-may-do-what",
        "campaigns-page": "campaigns",
        "campaign-new-page": "campaigns#in-the-browser",
        "campaign-page": "campaigns#in-the-browser",
        "campaign-data-page": "campaigns#measurements",
        "campaign-model-page": "campaigns#models",
        "campaign-comparison-page": "campaigns#comparison-of-models",
        "campaign-library-page": "campaigns#libraries",
        "campaign-proposal-page": "campaigns#proposals",
        "campaign-round-page": "campaigns#proposals",
        "contexts-page": "contexts",
        "context-set-page": "contexts#terms",
        "alignment-page": "contexts#alignments",
        "search-page": "contexts#homologs-from-a-library",
        "service-page": "operations#health",
        "operations-page": "sharing#the-page-operations",
        "quota-page": "sharing#quotas",
        "usage-page": "accounts",
        "notices-page": "notifications",
        "tokens-page": "another-computer",
        "webhooks-page": "webhooks",
        "public-link-page": "projects#public-links",
        "project-public-link-page": "projects#public-links",
        "campaign-public-link-page": "projects#public-links",
        "password_change": "security#tokens-logins-sessions",
        "openapi-docs": "actions#parameters",
    }
)
