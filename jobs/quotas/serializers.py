"""Bodies of the REST interface about quotas and estimates."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from jobs.quotas.rules import Amounts, left
from jobs.web.rest.fields import Shape
from jobs.web.rest.serializers import ProblemBody


class QuotaState(Shape):
    limit = s.IntegerField(allow_null=True, help_text="Null if there is none.")
    used = s.IntegerField()
    left = s.IntegerField(allow_null=True)


class QuotaBody(Shape):
    active_jobs = QuotaState(help_text="Unfinished jobs, paused ones included.")
    sync_requests = QuotaState(help_text="Synchronous requests that are not answered yet.")
    queued_tokens = QuotaState(help_text="Tokens that wait or are being computed.")
    stored_bytes = QuotaState(
        help_text="All that is stored, contexts and attachments too; of unfinished jobs what they will take."
    )


def quota_states(limits: Amounts, use: Amounts) -> dict[str, dict[str, Any]]:
    """Return limit, use and rest of each quota, None if there is no limit. Estimates and QuotaBody show them."""
    return {
        name: {"limit": limit or None, "used": getattr(use, name), "left": left(limits, use, name)}
        for name, limit in limits
    }


class WaitingBody(Shape):
    tokens = s.IntegerField(help_text="What all users have queued for this model.")
    seconds = s.FloatField(allow_null=True)


class RefusalBody(Shape):
    code = s.CharField()
    detail = s.CharField()
    status_code = s.IntegerField()
    retry_after = s.IntegerField(allow_null=True, help_text="Seconds, if waiting helps.")


class EarlierBody(Shape):
    """Passes of scans and marginal scores that earlier jobs of the same engine hold. `seconds` leaves them out."""

    units = s.IntegerField(help_text="Work units that would be taken instead of computed; in the pool with the fewest.")
    tokens = s.IntegerField(help_text="Tokens of these units, and of contexts that no other unit needs.")
    not_looked_at = s.IntegerField(
        help_text="Units of further proteins of a large library. They count as to be computed, and may be there too."
    )
    seconds_without = s.FloatField(
        allow_null=True,
        help_text="The time if everything is computed, such as after the earlier jobs are deleted.",
    )


class PoolBody(Shape):
    """The alive workers that compute in one type."""

    precision = s.CharField()
    seconds = s.FloatField(allow_null=True, help_text="Null if its workers have measured no rate yet.")
    seconds_range = s.ListField(child=s.FloatField(), allow_null=True)
    tokens_per_second = s.FloatField(allow_null=True)
    workers = s.IntegerField()
    waiting = WaitingBody(help_text="What is bound to this precision, and its part of what is not.")
    earlier_jobs = EarlierBody()


class EstimateBody(Shape):
    model = s.CharField()
    action = s.CharField()
    params = s.DictField()
    items = s.IntegerField(help_text="Records that would be computed.")
    skipped = s.IntegerField()
    chunks = s.IntegerField()
    units = s.IntegerField(help_text="Work units of score, scan and contacts; 0 for other actions.")
    residues = s.IntegerField()
    tokens = s.IntegerField(help_text="An upper bound: a context that a worker remembers is not run again.")
    output_bytes = s.IntegerField(help_text="Results as they are stored.")
    stored_bytes = s.IntegerField(help_text="Letters and results: what counts against the quota.")
    seconds = s.FloatField(
        allow_null=True,
        help_text="Computing alone, at the measured rate of the alive workers; of the slowest of several pools. "
        "Passes that earlier jobs hold are left out.",
    )
    seconds_range = s.ListField(
        child=s.FloatField(),
        allow_null=True,
        help_text="The limits between which the time of nine of ten such jobs lies, in whichever pool.",
    )
    seconds_reason = s.CharField(allow_null=True, help_text="Why there is no number of seconds.")
    tokens_per_second = s.FloatField(allow_null=True)
    workers = s.IntegerField()
    waiting = WaitingBody()
    earlier_jobs = EarlierBody()
    pools = PoolBody(
        many=True,
        help_text="The alive workers by the type that they compute in, the fastest first. The first worker that claims "
        "a part of the job decides; the parameter `precision` chooses.",
    )
    quota = QuotaBody()
    accepted = s.BooleanField()
    refusal = RefusalBody(allow_null=True)
    cleaning = s.DictField(
        child=s.IntegerField(),
        help_text="Accepted records that needed each kind of cleaning, and, as left_out_KIND, rows of a score set that "
        "have no score.",
    )
    warnings = ProblemBody(many=True)


class KindBody(Shape):
    factor = s.FloatField()
    width = s.FloatField(help_text="By how much the time may lie above or below.")


class FormulaBody(Shape):
    """Seconds of all workers together. A job takes `start` and, for its kind, `factor` times the sum of the others."""

    token = s.FloatField()
    attended = s.FloatField(help_text="Of a token and one that it attends to, in a layer that sees contexts.")
    one_pass = s.FloatField()
    chunk = s.FloatField()
    start = s.FloatField()
    slack = s.FloatField(help_text="Seconds by which any job may take longer.")
    kinds = s.DictField(child=KindBody(), help_text='By kind of work; "" is any other.')


class ModelPace(Shape):
    """A `jobs.fleet.pools.Fleet`."""

    workers = s.IntegerField(source="whole.workers")
    tokens_per_second = s.FloatField(source="whole.rate", allow_null=True)
    reason = s.CharField(source="whole.reason", allow_null=True, help_text="Why there is no rate.")
    waiting_tokens = s.IntegerField(source="whole.waiting_tokens")
    precisions = s.ListField(
        child=s.CharField(), help_text="Those of the alive workers, the fastest first. A job keeps to one of them."
    )
    formula = FormulaBody(
        allow_null=True,
        help_text="How long work takes; null without a rate. If there are several precisions it is null too, because "
        "a job is computed in one of them: an estimate has the time in each.",
    )


class UsageBody(Shape):
    quota = QuotaBody()
    models = s.DictField(child=ModelPace())
