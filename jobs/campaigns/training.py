"""Models of a property: requested in a request, computed by a service worker under a lease."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from jobs.alignments.leased import failure_stored
from jobs.background.leases import work_claim, work_finish, work_publish
from jobs.background.renewing import lease_renewed
from jobs.campaigns.asked import MAX_SEED, choice, finite, text, whole_number
from jobs.campaigns.embedding import embeddings_of, embeddings_request
from jobs.campaigns.priors import AUTO, NONE, PRIORS, Prior, prior_of
from jobs.campaigns.selectors import Scale, Trainable, property_named, training_of, variants_of
from jobs.errors import Conflict, InvalidInput, Problem
from jobs.learning.costs import Load, remedy_for
from jobs.learning.crossvalidation import Compared, Figure
from jobs.learning.fitted import Ready, fit, restored
from jobs.learning.folds import KINDS
from jobs.learning.gains import CLAIM
from jobs.learning.intervals import GUARANTEED, NOMINAL
from jobs.learning.priors import FEATURES, MEAN, PROFILE, SITE, Tables
from jobs.learning.samples import Floats, Rows, mutations_of
from jobs.learning.training import LEAST, Trained, train
from jobs.models import Campaign, Property, PropertyModel
from jobs.parsing.bodies import only_fields
from jobs.quotas.admission import quota_admit_bytes, quota_admit_work

FIELDS = ("property", "prior", "features", "seed")
MOST_MODELS = 200
MOST_TRAINING = 10_000
HELD_OUT = "held_out"
"""The key in `fits` of the predictions of held-out variants, by kind of folds, in the order of the training set."""
METRIC = "squared_error"
"""The metric of a gain: the share of the prior's squared error that the model removes."""
LIBRARIES = ("numpy", "scipy", "scikit-learn")


def model_request(*, campaign: Campaign, by: User, data: Mapping[str, Any]) -> PropertyModel:
    """Freeze the measurements of a property and ask for a model, which counts for `by`.

    Raises InvalidInput, NotFound, TooManyRequests.
    """
    only_fields(data, FIELDS)
    found = property_named(campaign, text(data, "property", most=100, needed=True))
    prior = choice(data, "prior", PRIORS, AUTO)
    features = choice(data, "features", (AUTO, *FEATURES), AUTO)
    if features == PROFILE and campaign.alignment_id is None:
        what = "the campaign has no alignment, and so no profile"
        raise InvalidInput.one("bad_features", what, "Choose auto, site, mean or one_hot.", path="features")
    seed = whole_number(data, "seed", 0, low=0, high=MAX_SEED)
    frozen = training_of(found)
    if len(frozen.rows) > MOST_TRAINING:
        raise Conflict(f"a model takes at most {MOST_TRAINING:,} variants", code="too_many_variants")
    _check_load(frozen, features, campaign)
    job = embeddings_request(campaign, by=by) if features == MEAN else None
    with transaction.atomic():
        quota_admit_work(user_id=by.pk)
        quota_admit_bytes(user_id=by.pk, size=len(orjson.dumps(frozen.rows)))
        Campaign.objects.select_for_update().get(pk=campaign.pk)  # numbers count up one by one
        number = _next_number(campaign)
        made = PropertyModel.objects.create(
            campaign=campaign,
            property=found,
            number=number,
            prior=prior,
            features=features,
            seed=seed,
            training=[list(row) for row in frozen.rows],
            counts=frozen.counts,
            added_by_id=campaign.added_by(by.pk),
            features_job=job,
        )
    work_publish(made)
    made.refresh_from_db()
    return made


def _check_load(frozen: Trainable, features: str, campaign: Campaign) -> None:
    """Raise Conflict `too_many_mutations` if learning would take hours."""
    used = features if features != AUTO else PROFILE if campaign.alignment_id is not None else SITE
    load = Load.of(row[0] for row in frozen.rows)
    if remedy := remedy_for(load, used):
        what = f"the {load.variants:,} variants have {load.total:,} mutations, {load.distinct:,} of them different"
        detail = f"{what}: a model with the features {used} would take hours"
        raise Conflict(detail, code="too_many_mutations", problems=[Problem("too_many_mutations", detail, remedy)])


def _next_number(campaign: Campaign) -> int:
    last = PropertyModel.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0
    if last >= MOST_MODELS:
        raise Conflict(f"a campaign has at most {MOST_MODELS} models", code="too_many_models")
    return int(last) + 1


def model_run(*, model_id: int) -> bool:
    """Claim a model, compute it and store it: the job of the service worker. Return whether it is stored."""
    model = work_claim(PropertyModel, model_id)
    if model is None:
        return False
    with failure_stored(model), lease_renewed(model):
        return work_finish(model, **_computed(model))
    return False


def _computed(model: PropertyModel) -> dict[str, Any]:
    """Return the columns of a computed model."""
    prior = prior_of(model.campaign, model.prior, by=model.added_by or model.campaign.owner)
    if model.features == MEAN:
        prior = replace(prior, tables=replace(prior.tables, embedded=embeddings_of(model)))
    features = _features(model.features, prior.tables)
    use_prior = prior.name != NONE
    rows, measured = samples_of(model, prior.tables, features)
    card: dict[str, Any] = {
        "prior": {"asked": model.prior, "used": prior.name, "source": prior.source},
        "features": {"asked": model.features, "used": features},
    }
    fits: dict[str, Any] = {}
    held_out: dict[str, list[float | None]] = {}
    enough = len(rows) >= LEAST and float(np.ptp(measured)) > 0
    if enough:
        trained = _trained(model, prior, rows, measured, use_prior=use_prior)
        fits = _storable(fit(rows, measured, seed=model.seed, use_prior=use_prior))
        card |= _card(trained, use_prior=use_prior)
        held_out = {kind: [finite(float(one)) for one in values] for kind, values in trained.held_out.items()}
    else:
        card |= _empty_card(len(rows))
    card["versions"] = {name: version(name) for name in LIBRARIES}
    tables, digest = prior.tables.packed(), model_digest(model, prior, features, card, fits)
    # After the digest, which names what later predictions come from.
    stored = fits | {HELD_OUT: _storable(held_out)} if held_out else fits
    return {"tables": tables, "fits": stored, "card": card, "digest": digest}


def _storable(value: Any) -> Any:
    """Return JSON values as the database returns them: it has no negative zero, which would change the digest."""
    if isinstance(value, dict):
        return {name: _storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value + 0.0 if isinstance(value, float) else value


def _features(asked: str, tables: Tables) -> str:
    if asked != AUTO:
        return asked
    return PROFILE if tables.profile is not None else SITE


def samples_of(model: PropertyModel, tables: Tables, features: str) -> tuple[Rows, Floats]:
    """Return the frozen training set in the unit of the model."""
    variants = variants_of([row[0] for row in model.training], model.campaign.parent)
    scale = Scale.of(model.property)
    measured = np.array([scale.forward(row[1]) for row in model.training], dtype=float)
    return tables.rows(variants, features, mutations_of(variants)), measured


def _trained(model: PropertyModel, prior: Prior, rows: Rows, measured: Floats, *, use_prior: bool) -> Trained:
    more = {}
    if prior.tables.profile is not None:
        more["profile"] = np.array([prior.tables.profile_score(one) for one in rows.variants], dtype=float)
    rounds = [row[4] for row in model.training]
    return train(
        rows, measured, rounds, seed=model.seed, more=more, use_prior=use_prior, draw_curve=True, judge_tops=True
    )


def _figure(found: Figure) -> dict[str, float | None]:
    return {"value": finite(found.value), "low": finite(found.low), "high": finite(found.high)}


def _comparison(found: Compared, tops: Mapping[str, Mapping[str, Figure]]) -> dict[str, Any]:
    return {
        name: {"spearman": _figure(one), **{metric: _figure(figure) for metric, figure in tops[name].items()}}
        for name, one in found.spearman.items()
    }


def _card(trained: Trained, *, use_prior: bool) -> dict[str, Any]:
    gain = trained.gain
    return {
        "cross_validation": {
            kind: _comparison(trained.compared[kind], trained.tops[kind]) if kind in trained.compared else None
            for kind in KINDS
        },
        "reasons": {kind: one.reason for kind, one in trained.folds.items() if one.reason},
        "gain": {
            "metric": METRIC,
            "folds": gain.folds or None,
            "n": gain.n,
            **_figure(gain.error),
            "level": CLAIM,
            "detectable": finite(gain.detectable),
            "spearman": _figure(gain.spearman),
        },
        "coverage": {
            "nominal": trained.nominal,
            "guaranteed": trained.guaranteed,
            "observed": finite(trained.coverage.observed),
            "width": finite(trained.coverage.width),
        },
        "learning_curve": [
            {"n": one.count, **{name: {"spearman": _figure(found)} for name, found in one.spearman.items()}}
            for one in trained.curve
        ]
        or None,
        "method": trained.method,
        # Without a prior there is nothing else to rank by.
        "ranks_by": trained.ranks_by if use_prior else "model",
    }


def _empty_card(count: int) -> dict[str, Any]:
    """Return the card of a model that has too little to learn from: it ranks by its prior."""
    reason = f"a model needs {LEAST} measured variants that differ, and there are {count}"
    empty = {"value": None, "low": None, "high": None}
    return {
        "cross_validation": dict.fromkeys(KINDS),
        "reasons": dict.fromkeys(KINDS, reason),
        "gain": {
            "metric": METRIC,
            "folds": None,
            "n": count,
            **empty,
            "level": CLAIM,
            "detectable": None,
            "spearman": empty,
        },
        "coverage": {"nominal": NOMINAL, "guaranteed": GUARANTEED, "observed": None, "width": None},
        "learning_curve": None,
        "method": None,
        "ranks_by": "prior",
    }


def model_digest(
    model: PropertyModel, prior: Prior, features: str, card: Mapping[str, Any], fits: Mapping[str, Any]
) -> str:
    """Return the SHA-256 of all that determines predictions: training set, prior, features, seed, fits, versions."""
    found: Property = model.property
    told = {
        "parent": model.campaign.parent,
        "property": [found.higher_is_better, found.log, found.normalisation],
        "training": model.training,
        "prior": [prior.name, prior.tables.digest],
        "features": features,
        "seed": model.seed,
        "fits": fits,
        "ranks_by": card["ranks_by"],
        "versions": card["versions"],
    }
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def ready_of(model: PropertyModel, tables: Tables) -> Ready | None:
    """Return the fitted model, or None if there was too little to learn from."""
    if not model.fits:
        return None
    rows, measured = samples_of(model, tables, model.card["features"]["used"])
    return restored(model.fits, rows, measured)
