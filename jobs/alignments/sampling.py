"""Contexts drawn from a stored alignment: what a request asks for, what it would cost, and a set under a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from django.contrib.auth.models import User

from e1protocol import BOUNDARY_TOKENS, MODELS
from jobs.actions import Scan
from jobs.contexts.services import SET_RULES, check_set_context, context_set_create
from jobs.errors import InvalidInput, Problem, Problems
from jobs.fleet.pace import pace_of, rounded
from jobs.intake.plans import PlanTally
from jobs.limits import MAX_JOB_CONTEXTS
from jobs.models import Alignment, ContextSet
from jobs.parsing import Record
from jobs.parsing.records import Place
from jobs.science.alignments.sampling import Drawn, Sampler, Sampling, published_ensemble

PRESETS = {"published_ensemble": published_ensemble}
MAX_SEED = 2**63 - 1000
MAX_THRESHOLDS = 4
"""Of one request: counting neighbours is the work in sampling."""

_KINDS = {field.name: (int if field.type == "int" else float) for field in fields(Sampling)}


def samplings_of(preset: object = None, samplings: object = None, seed: object = 0) -> tuple[Sampling, ...]:
    """The samplings that a request names: those of a preset, or a list of settings each.

    A setting that is left out has its default; a sampling without a seed gets `seed` plus its place. Raises
    InvalidInput with the path of every wrong field.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise InvalidInput.one("bad_seed", f"seed is {seed!r}", "Give a whole number from 0.", path="seed")
    if (preset is None) == (not samplings):
        what = "there are a preset and samplings" if preset else "there is neither a preset nor a sampling"
        remedy = f'Give the preset {", ".join(PRESETS)}, or samplings such as [{{"max_residues": 12288}}].'
        raise InvalidInput.one("no_sampling", what, remedy, path="samplings")
    if preset is not None:
        if not isinstance(preset, str) or preset not in PRESETS:
            what = f"there is no preset {preset!r}"
            raise InvalidInput.one("unknown_preset", what, f"Choose from {', '.join(PRESETS)}.", path="preset")
        return PRESETS[preset](seed)
    if not isinstance(samplings, list) or len(samplings) > MAX_JOB_CONTEXTS:
        what = f"samplings must be a list of 1 to {MAX_JOB_CONTEXTS} objects"
        raise InvalidInput.one("bad_sampling", what, path="samplings")
    problems = Problems()
    read: list[Sampling] = []
    for at, settings in enumerate(samplings):
        before = problems.count
        problems.extend(_shape_problems(settings, f"samplings.{at}"))
        if problems.count == before:
            values: dict[str, Any] = {"seed": seed + at} | {k: _KINDS[k](v) for k, v in settings.items()}
            sampling = Sampling(**values)
            problems.extend(sampling.problems(f"samplings.{at}"))
            read.append(sampling)
    thresholds = {sampling.neighbour_threshold for sampling in read}
    if len(thresholds) > MAX_THRESHOLDS:
        what = f"there are {len(thresholds)} neighbour thresholds, and the limit of one request is {MAX_THRESHOLDS}"
        problems.add(Problem("bad_sampling", what, "Neighbours are counted anew for each.", path="samplings"))
    if problems:
        raise problems.refusal()
    return tuple(read)


def _shape_problems(settings: object, path: str) -> Iterator[Problem]:
    if not isinstance(settings, Mapping):
        yield Problem("bad_sampling", "a sampling is an object", 'Write {"max_residues": 12288}.', path=path)
        return
    for name, value in settings.items():
        if name not in _KINDS:
            remedy = f"Choose from {', '.join(_KINDS)}."
            yield Problem("unknown_field", f"there is no setting {name!r}", remedy, path=f"{path}.{name}")
        elif isinstance(value, bool) or not isinstance(value, int if _KINDS[name] is int else int | float):
            remedy = "Give a whole number." if _KINDS[name] is int else "Give a number."
            yield Problem("bad_sampling", f"{name} is {value!r}", remedy, path=f"{path}.{name}")


def contexts_draw(sampler: Sampler, samplings: Sequence[Sampling]) -> list[Drawn]:
    """One context for each sampling, each with room for the parent beside it.

    Raises InvalidInput with the path of every sampling whose window is empty, or whose context is too long.
    """
    drawn: list[Drawn] = []
    problems: list[Problem] = []
    query = len(sampler.alignment.parent) + BOUNDARY_TOKENS
    for at, sampling in enumerate(samplings):
        place = Place(path=f"samplings.{at}")
        try:
            one = sampler.draw(sampling)
        except InvalidInput as error:
            problems += [replace(problem, path=problem.path or place.path) for problem in error.problems]
            continue
        wrong = check_set_context(one.sequences, place)
        if not wrong and one.tokens + query > SET_RULES.max_tokens:
            what = f"the context and the parent take {one.tokens + query:,} tokens, of {SET_RULES.max_tokens:,}"
            wrong = [place.problem("context_too_long", what, "Give a smaller budget of residues.")]
        problems += wrong
        drawn.append(one)
    if problems:
        raise InvalidInput.of(*problems)
    return drawn


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job with these contexts computes, counted and timed as `POST /api/estimate/` does."""

    model: str
    action: str
    passes: int
    chunks: int
    tokens: int
    tokens_per_second: float | None
    seconds: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def cost_of(drawn: Sequence[Drawn], parent: str, *, model: str, action: str) -> Cost:
    """The cost of a masked-marginal `scan` of all positions of the parent; `score` costs that at most."""
    contexts = [one.sequences for one in drawn]
    plan = PlanTally(Scan.name, Scan().check_params({}, MODELS[model]), contexts)
    plan.note(Record(0, "", "", 0, parent, None))
    plan.close()
    pace = pace_of(model)
    seconds = rounded(pace.seconds(plan.tokens, plan.context_tokens))
    return Cost(model, action, plan.units, plan.chunks, plan.tokens, pace.rate, seconds)


def context_set_sample(
    *, owner: User, name: str, alignment: Alignment, drawn: Sequence[Drawn], preset: str | None, seed: int
) -> ContextSet:
    """Store contexts drawn from an alignment under `name`, with their origin. Raises what `context_set_create` does."""
    provenance = {
        "source": "alignment",
        "alignment": {
            "id": str(alignment.pk),
            "name": alignment.name,
            "digest": alignment.digest,
            "depth": alignment.depth,
            "columns": alignment.columns,
        },
        "preset": preset,
        "seed": seed,
        "contexts": [{"sampling": asdict(one.sampling), "rows": list(one.rows)} for one in drawn],
    }
    return context_set_create(owner=owner, name=name, contexts=[one.sequences for one in drawn], provenance=provenance)
