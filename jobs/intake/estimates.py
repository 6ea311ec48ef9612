"""The cost of a submission, and whether it would be accepted. Nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e1protocol import MODELS, tokens_of
from jobs.actions import get_action
from jobs.actions.base import PRECISION
from jobs.actions.contexts import context_digest
from jobs.actions.costs import CostTally
from jobs.fleet.centres import centre_name
from jobs.fleet.pace import Pace, rounded
from jobs.fleet.pools import fleet_of, slowest, widest
from jobs.intake.cutting import PlanTally
from jobs.intake.held import EarlierPasses, Rest
from jobs.intake.submit import Submission
from jobs.metering.selectors import budget_refusal
from jobs.models import Context
from jobs.parsing import Record
from jobs.parsing.tally import InputTally
from jobs.quotas import usage
from jobs.quotas.rules import Need, refusal
from jobs.quotas.serializers import quota_states

REFUSAL = ("code", "detail", "status_code", "retry_after")


def estimate_of(*, user_id: int, submission: Submission) -> dict[str, Any]:
    """Read the records to their end, as submitting them would, and return the body of the REST answer.

    `seconds` is computing time, without passes that earlier jobs hold; `waiting` is what all users queued before.
    Raises InvalidInput with the same problems as submitting them.
    """
    with submission.stream.in_turn(user_id):
        return _estimate(user_id, submission)


def _estimate(user_id: int, submission: Submission) -> dict[str, Any]:
    request, records = submission.request, submission.read()
    shared_context = tuple(submission.shared_context)
    tally = InputTally(request.on_invalid, "a job of it would not be queued", submission.hint)
    cost = CostTally(get_action(request.action).columns(request.params, MODELS[request.model]))
    plan = PlanTally(request.action, request.params, request.contexts)
    contexts = _Contexts()
    for context in request.contexts:
        contexts.note(context)
    for record in records:
        tally.note(record)
        tally.check_room()
        if tally.doomed:
            continue
        cost.note(record)
        if isinstance(record, Record):
            context = record.context if record.context is not None else shared_context
            contexts.note(context)
            plan.note(record, context)
    tally.check()
    plan.close()
    submission.stream.drain()
    # An upper bound if the library has very many different contexts.
    stored_bytes = cost.stored_bytes + plan.kept_bytes + contexts.new_bytes(user_id)
    asked = request.params.get(PRECISION, "")
    fleet = fleet_of(request.model, asked, cost_centre=centre_name(user_id))
    limits, use = usage.limits_of(user_id), usage.use_of(user_id)
    earlier = EarlierPasses(plan, user_id=user_id, model=request.model)
    rests = [earlier.rest(pool) for pool in fleet.pools]
    need = Need(plan.tokens, stored_bytes, request.interactive)
    refused = budget_refusal(user_id) or refusal(limits, use, need, fleet.whole.rate)
    return {
        "model": request.model,
        "action": request.action,
        "params": dict(request.params),
        "items": tally.total - tally.bad,
        "skipped": tally.bad,
        "chunks": plan.chunks,
        "units": plan.units,
        "residues": cost.residues,
        "tokens": plan.tokens,
        "output_bytes": cost.result_bytes,
        "stored_bytes": stored_bytes,
        "seconds": rounded(slowest(rest.seconds for rest in rests)),
        "seconds_range": _rounded(widest(rest.span for rest in rests)),
        "seconds_reason": fleet.whole.reason,
        **_speed(fleet.whole),
        "earlier_jobs": _earlier(rests, earlier.not_looked_at),
        "pools": [
            {
                "precision": rest.pool.precision,
                "seconds": rounded(rest.seconds),
                "seconds_range": _rounded(rest.span),
                **_speed(rest.pool),
                "earlier_jobs": _earlier([rest], earlier.not_looked_at),
            }
            for rest in rests
        ],
        "quota": quota_states(limits, use),
        "accepted": refused is None,
        "refusal": refused and {name: getattr(refused, name) for name in REFUSAL},
        "cleaning": dict(records.cleaning),
        "warnings": submission.warnings(records),
    }


def _speed(pace: Pace) -> dict[str, Any]:
    ahead = rounded(pace.seconds(pace.waiting))
    return {
        "tokens_per_second": pace.rate,
        "workers": pace.workers,
        "waiting": {"tokens": pace.waiting_tokens, "seconds": ahead},
    }


def _earlier(rests: Sequence[Rest], not_looked_at: int) -> dict[str, Any]:
    """Return the passes that are there in each of these pools, and the time if everything is computed."""
    return {
        "units": min((rest.units for rest in rests), default=0),
        "tokens": min((rest.tokens for rest in rests), default=0),
        "not_looked_at": not_looked_at,
        "seconds_without": rounded(slowest(rest.seconds_without for rest in rests)),
    }


def _rounded(span: tuple[float, float] | None) -> list[float | None] | None:
    return None if span is None else [rounded(limit) for limit in span]


class _Contexts:
    """The different contexts of one library, at most MOST, so that memory does not grow with the library.

    Each further context counts as new, so the bytes are an upper bound.
    """

    PAGE = 10_000
    MOST = 100_000
    """Some 30 MB."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._tokens: dict[bytes, int] = {}
        self._beyond = 0

    def note(self, context: tuple[str, ...]) -> None:
        if not context or (mark := hash(context)) in self._seen:
            return
        if len(self._seen) == self.MOST:
            self._beyond += tokens_of(*context)
            return
        self._seen.add(mark)
        self._tokens[bytes.fromhex(context_digest(context))] = tokens_of(*context)

    def new_bytes(self, user_id: int) -> int:
        """Return the bytes of contexts that the user has not stored already."""
        digests = [digest.hex() for digest in self._tokens]
        kept = 0
        for start in range(0, len(digests), self.PAGE):
            page = digests[start : start + self.PAGE]
            stored = Context.objects.filter(owner_id=user_id, digest__in=page).values_list("digest", flat=True)
            kept += sum(self._tokens[bytes.fromhex(digest)] for digest in stored)
        return sum(self._tokens.values()) - kept + self._beyond
