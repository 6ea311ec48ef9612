"""The score of one variant on the page of its item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.http import HttpRequest

from jobs.models import Item, Job
from jobs.results.page import ResultPage
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.numbering_forms import numbering_of
from jobs.variants.baselines import baselines_of
from jobs.variants.beside import beside_one, reference_of
from jobs.variants.scan_pages import scoring_of
from jobs.web.access import user_of


def score_context(request: HttpRequest, job: Job, item: Item, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context of the page of one variant."""
    scores = zip(job.params.get("contexts") or [{}], np.asarray(result["scores"]).tolist(), strict=False)
    numbered = numbering_of(job.params) != SEQUENTIAL and result["positions"]
    user = user_of(request)
    baselines = baselines_of(user, str(job.params["parent"]), request.GET.get("alignment", ""))
    reference = reference_of(user, job)
    return {
        "baselines": baselines,
        "reference": reference,
        "beside": beside_one(result["variant"], result["score"], job.params, baselines, reference),
        "scored": {"variant": result["variant"], "score": result["score"], "spread": result["spread"]},
        "places": list(zip(result["positions"], result["numbers"], strict=True)) if numbered else [],
        "method": scoring_of(job)["method"],
        "each": [(number, context, score) for number, (context, score) in enumerate(scores, start=1)],
    }


RESULT_PAGE = ResultPage(
    "score", "jobs/variants/_result_score.html", score_context, links="jobs/variants/_job_links.html"
)
