"""What a submission would cost and whether it would be accepted, without storing anything of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from e1protocol import MODELS, tokens_of
from jobs.actions import get_action
from jobs.actions.contexts import context_digest
from jobs.actions.costs import CostTally
from jobs.errors import ServiceError
from jobs.fleet.pace import Pace, pace_of, rounded
from jobs.intake.ingest import Request
from jobs.intake.plans import PlanTally
from jobs.intake.submit import Records, Submission
from jobs.models import Context
from jobs.parsing import Record
from jobs.parsing.tally import InputTally
from jobs.quotas import usage
from jobs.quotas.rules import Amounts, Need, left, refusal


@dataclass(frozen=True, slots=True)
class Estimate:
    """Costs of a library that was read to its end, and what its owner's quota says of them.

    `context_bytes` is an upper bound where the library has very many different contexts (`_Contexts`).
    """

    request: Request
    items: int
    skipped: int
    plan: PlanTally
    cost: CostTally
    context_bytes: int
    pace: Pace
    limits: Amounts
    use: Amounts

    @property
    def stored_bytes(self) -> int:
        """What its owner's storage would hold more: the job, and contexts that are not there yet."""
        return self.cost.stored_bytes + self.context_bytes

    @property
    def refused(self) -> ServiceError | None:
        """Why it would not be accepted now."""
        need = Need(self.plan.tokens, self.stored_bytes, self.request.interactive)
        return refusal(self.limits, self.use, need, self.pace.rate)


def estimate_of(*, user_id: int, submission: Submission) -> tuple[Estimate, Records]:
    """Read the records to their end, as submitting them would; these know what was cleaned afterwards. Raises
    InvalidInput with the same problems where they are refused.
    """
    request, records = submission.request, submission.read()
    shared_context = tuple(submission.shared_context)
    tally = InputTally(request.on_invalid)
    cost = CostTally(get_action(request.action).columns(request.params, MODELS[request.model]))
    plan = PlanTally(request.action, request.params, request.contexts)
    contexts = _Contexts()
    for context in request.contexts:
        contexts.note(context)
    for record in records:
        tally.note(record)
        if tally.doomed:
            continue
        cost.note(record)
        if isinstance(record, Record):
            context = record.context if record.context is not None else shared_context
            contexts.note(context)
            plan.note(record, context)
    tally.check("a job of it would not be queued", submission.hint)
    plan.close()
    submission.stream.drain()
    estimate = Estimate(
        request=request,
        items=tally.total - tally.bad,
        skipped=tally.bad,
        plan=plan,
        cost=cost,
        context_bytes=contexts.new_bytes(user_id),
        pace=pace_of(request.model),
        limits=usage.limits_of(user_id),
        use=usage.use_of(user_id),
    )
    return estimate, records


class _Contexts:
    """The contexts of one library, each noted once: the first MOST different ones. Those that come later are not told
    apart from each other, and all count as new, so that memory does not grow with the library: what such a library
    adds to its owner's contexts is this much at most.
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
        """Those of contexts that the user does not keep already."""
        kept = sum(self._tokens[bytes.fromhex(digest)] for digest in self._kept(user_id))
        return sum(self._tokens.values()) - kept + self._beyond

    def _kept(self, user_id: int) -> Iterator[str]:
        digests = list(self._tokens)
        for start in range(0, len(digests), self.PAGE):
            page = [digest.hex() for digest in digests[start : start + self.PAGE]]
            yield from Context.objects.filter(owner_id=user_id, digest__in=page).values_list("digest", flat=True)


def present_estimate(estimate: Estimate, cleaning: Mapping[str, int], warnings: list[dict[str, Any]]) -> dict[str, Any]:
    """As the REST interface shows it. `seconds` is computing alone; `waiting` is what all users have queued before."""
    request, cost, pace, refused = estimate.request, estimate.cost, estimate.pace, estimate.refused
    plan = estimate.plan
    seconds, ahead = pace.seconds(plan.tokens, plan.context_tokens), pace.seconds(pace.waiting_tokens)
    return {
        "model": request.model,
        "action": request.action,
        "params": dict(request.params),
        "items": estimate.items,
        "skipped": estimate.skipped,
        "chunks": plan.chunks,
        "units": plan.units,
        "residues": cost.residues,
        "tokens": plan.tokens,
        "output_bytes": cost.result_bytes,
        "stored_bytes": estimate.stored_bytes,
        "seconds": rounded(seconds),
        "seconds_reason": pace.reason,
        "tokens_per_second": pace.rate,
        "workers": pace.workers,
        "waiting": {"tokens": pace.waiting_tokens, "seconds": rounded(ahead)},
        "quota": present_quota(estimate.limits, estimate.use),
        "accepted": refused is None,
        "refusal": None
        if refused is None
        else {
            "code": refused.code,
            "detail": refused.detail,
            "status_code": refused.status_code,
            "retry_after": refused.retry_after,
        },
        "cleaning": dict(cleaning),
        "warnings": warnings,
    }


def present_quota(limits: Amounts, use: Amounts) -> dict[str, dict[str, int | None]]:
    """Limit, use and rest of each quota; null where there is no limit."""
    return {
        name: {"limit": limit or None, "used": getattr(use, name), "left": left(limits, use, name)}
        for name, limit in limits
    }
