"""Contexts drawn from a stored alignment: the settings of a request, its cost, and the set that stores it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from django.contrib.auth.models import User

from e1protocol import BOUNDARY_TOKENS, MODELS
from jobs.actions import Scan
from jobs.alignments.services import sampler_of
from jobs.alignments.settings import typed_settings
from jobs.contexts.services import SET_RULES, check_set_context, context_set_create
from jobs.errors import InvalidInput, Problem, Problems
from jobs.fleet.centres import centre_name
from jobs.fleet.pace import rounded
from jobs.fleet.pools import fleet_of
from jobs.intake.cutting import PlanTally
from jobs.limits import MAX_JOB_CONTEXTS
from jobs.models import Alignment, ContextSet, NeighbourCount
from jobs.parsing import Record
from jobs.parsing.records import Place
from jobs.science.alignments.sampling import Drawn, Sampler, Sampling, published_ensemble

PRESETS = {"published_ensemble": published_ensemble}
MAX_SEED = 2**63 - 1000
MAX_THRESHOLDS = 4
"""Neighbour thresholds of one request: counting neighbours is the costly part of sampling."""


def samplings_of(preset: object = None, samplings: object = None, seed: object = 0) -> tuple[Sampling, ...]:
    """Return the samplings that a request names by a preset, or by a list with the settings of each.

    A missing setting has its default. A sampling without a seed gets `seed` plus its place. Raises InvalidInput with
    the path of every wrong field.
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
        path, before = f"samplings.{at}", problems.count
        if not isinstance(settings, Mapping):
            what = "a sampling is an object"
            problems.add(Problem("bad_sampling", what, 'Write {"max_residues": 12288}.', path=path))
            continue
        values = typed_settings(Sampling, settings, problems, code="bad_sampling", path=f"{path}.")
        if problems.count == before:
            sampling = Sampling(**{"seed": seed + at} | values)
            problems.extend(sampling.problems(path))
            read.append(sampling)
    thresholds = {sampling.neighbour_threshold for sampling in read}
    if len(thresholds) > MAX_THRESHOLDS:
        what = f"there are {len(thresholds)} neighbour thresholds, and the limit of one request is {MAX_THRESHOLDS}"
        problems.add(Problem("bad_sampling", what, "Neighbours are counted again for each.", path="samplings"))
    if problems:
        raise problems.refusal()
    return tuple(read)


def contexts_of(stored: Alignment, samplings: Sequence[Sampling]) -> NeighbourCount | tuple[Sampler, list[Drawn]]:
    """Draw contexts from a stored alignment, or return the count of neighbours that is not done yet.

    Raises what `contexts_draw` raises.
    """
    sampler = sampler_of(stored, [sampling.neighbour_threshold for sampling in samplings])
    return sampler if isinstance(sampler, NeighbourCount) else (sampler, contexts_draw(sampler, samplings))


def contexts_draw(sampler: Sampler, samplings: Sequence[Sampling]) -> list[Drawn]:
    """Draw one context for each sampling, with room for the parent beside it.

    Raises InvalidInput with the path of every sampling that finds no rows or whose context is too long.
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
    """The computation of a job with these contexts, counted and timed like `POST /api/estimate/`."""

    model: str
    action: str
    passes: int
    chunks: int
    tokens: int
    tokens_per_second: float | None
    seconds: float | None
    seconds_range: Sequence[float | None] | None
    """The limits between which the time of nine of ten such jobs lies."""


def cost_of(drawn: Sequence[Drawn], parent: str, *, model: str, action: str, user_id: int) -> Cost:
    """Return the cost of a masked-marginal `scan` of all positions of the parent, the most that a `score` costs.

    The time is that of the workers that compute this user's work.
    """
    contexts = [one.sequences for one in drawn]
    plan = PlanTally(Scan.name, Scan().check_params({}, MODELS[model]), contexts)
    plan.note(Record(0, "", "", 0, parent, None))
    plan.close()
    fleet = fleet_of(model, cost_centre=centre_name(user_id))
    seconds, span = rounded(fleet.seconds(plan.loads, plan.contexts)), fleet.span(plan.loads, plan.contexts)
    limits = None if span is None else [rounded(limit) for limit in span]
    return Cost(model, action, plan.units, plan.chunks, plan.tokens, fleet.whole.rate, seconds, limits)


def context_set_sample(
    *, owner: User, name: str, alignment: Alignment, drawn: Sequence[Drawn], preset: str | None, seed: int
) -> ContextSet:
    """Store drawn contexts under `name` with their provenance. Raises what `context_set_create` raises."""
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
