"""The predictions on the page of a model: a table with order, search and pages, CSV, and files of many variants.

Forms are sent by POST, with the pasted variants in them, and nothing is stored. So the table also turns its pages by
POST, and needs no scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, QueryDict, StreamingHttpResponse

from jobs.campaigns.forms import prediction_body
from jobs.campaigns.predicting import Predictor, predictions
from jobs.campaigns.prediction_files import (
    prediction_delete,
    prediction_of,
    prediction_request,
    prediction_stop,
    predictions_of,
)
from jobs.campaigns.prediction_tables import HEADS, Row, csv_blocks
from jobs.campaigns.selections import ALL_SINGLES, COMBINATIONS, VARIANTS, Selection, selection_of
from jobs.campaigns.selectors import campaign_of, numbering_of_campaign
from jobs.campaigns.serializers_predictions import prediction_body as file_body
from jobs.files.names import attachment, file_name
from jobs.learning.samples import Floats, Whole
from jobs.library.sharing import Right, right_on
from jobs.limits import PAGE_ROWS
from jobs.models import PredictionFile, PropertyModel
from jobs.models.states import WorkState
from jobs.parsing.numbers import whole
from jobs.web.access import user_of
from jobs.web.links import searched

SORTS = {"rank": "Best first", "worst": "Worst first", "prior": "Best prior first", "asked": "As asked for"}
WHAT = {ALL_SINGLES: "all single substitutions", COMBINATIONS: "combinations", VARIANTS: "listed variants"}
STOP = "stop-file"
ACTS = ("prediction", "csv", "file", "delete-file")


def act_of(form: QueryDict) -> str:
    """Return what a form means, "" for nothing known. Buttons that turn pages or stop a file have only a number."""
    if STOP in form:
        return STOP
    act = form.get("do", "prediction" if "page" in form else "")
    return act if act in ACTS else ""


def selection_asked(model: PropertyModel, form: Mapping[str, str]) -> Selection:
    """Return the variants that a form asks for. Raises InvalidInput, TooLarge."""
    return selection_of(model.campaign, prediction_body(form))


def table_of(model: PropertyModel, selection: Selection, form: QueryDict) -> dict[str, Any]:
    """Return the context of the table of predictions: one page of it, in the order and with the search of the form.

    Intervals are computed for the variants of the page only.
    """
    predictor, numbering = Predictor(model), numbering_of_campaign(model.campaign)
    variants = selection.take(range(len(selection)))
    worth, prior = predictor.ranking(variants)
    best = np.argsort(-worth, kind="stable")
    rank = np.empty(len(variants), dtype=int)
    rank[best] = np.arange(1, len(variants) + 1)
    codes, search = [one.code(numbering) for one in variants], searched(form)
    order = _ordered(best, prior, form.get("sort", "")).tolist()
    kept = [at for at in order if search.upper() in codes[at].upper()] if search else order
    shown = Paginator(kept, PAGE_ROWS).get_page(form.get("page", "1"))
    places = list(shown.object_list)
    numbers = predictor.shown([variants[at] for at in places])
    rows = [
        {**one, "variant": codes[at], "rank": int(rank[at]), "prior": float(prior[at])}
        for at, one in zip(places, numbers, strict=True)
    ]
    return {
        "predicted": shown,
        "predicted_rows": rows,
        "n_predicted": len(variants),
        "predicted_by": predictor.ranks_by,
        "sorts": SORTS,
        "wanted": {"sort": form.get("sort", ""), "search": search},
    }


def _ordered(best: Whole, prior: Floats, order: str) -> Whole:
    """Return the numbers of the variants in an order of SORTS; `best` is the first."""
    match order:
        case "worst":
            return best[::-1]
        case "prior":
            return np.argsort(-prior, kind="stable")
        case "asked":
            return np.arange(len(best))
    return best


def csv_of(model: PropertyModel, selection: Selection) -> StreamingHttpResponse:
    """Return the predictions as a file, best first."""
    rows = sorted(predictions(model, selection)["rows"], key=lambda row: row["rank"])
    lines = (Row.of(row["rank"], row["variant"], (row[name] for name in HEADS[2:])) for row in rows)
    response = StreamingHttpResponse(csv_blocks(lines), content_type="text/csv; charset=utf-8")
    name = file_name(model.campaign.name, "campaign", f"model-{model.number}", "predictions", suffix="csv")
    response["Content-Disposition"] = attachment(name)
    return response


def file_make(model: PropertyModel, selection: Selection, user: User) -> PredictionFile:
    """Ask for a file of predictions. Raises Forbidden if the user may only read the campaign."""
    campaign_of(user, model.campaign_id, Right.EDIT)
    return prediction_request(model=model, selection=selection, by=user)


def file_remove(model: PropertyModel, form: Mapping[str, str], user: User) -> None:
    """Delete the file that a form names. Raises Forbidden, NotFound."""
    campaign_of(user, model.campaign_id, Right.EDIT)
    prediction_delete(prediction_of(model, whole(form.get("file", ""), high=2**62) or 0))


def file_stop(model: PropertyModel, form: Mapping[str, str], user: User) -> None:
    """Stop the file that a form names; one that has ended stays as it is. Raises Forbidden, NotFound."""
    campaign_of(user, model.campaign_id, Right.EDIT)
    prediction_stop(prediction_of(model, whole(form.get(STOP, ""), high=2**62) or 0))


def files_shown(request: HttpRequest, model: PropertyModel) -> dict[str, Any]:
    """Return the context of the files of a model. Those that are computed are followed, except below a sent form."""
    found = predictions_of(model)
    building = [_shown(one) for one in found if one.state in WorkState.unfinished()]
    return {
        "model": model,
        "right": right_on(model.campaign, user_of(request)).name,
        "building": building,
        "follow": bool(building) and request.method != "POST",
        "files": [_shown(one) for one in found if one.state not in WorkState.unfinished()],
    }


def _shown(found: PredictionFile) -> dict[str, Any]:
    body = file_body(found)
    return body | {"what": WHAT[body["asked"]], "percent": f"{100 * found.progress:.0f}"}
