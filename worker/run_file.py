"""`e1 run`: a file through an action in one process, with no server. Memory is flat in the number of items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from e1protocol import MODELS, ModelFacts
from jobs.actions import Action, DirectAction, ItemView, LongAction, get_action
from jobs.actions.base import Array
from jobs.actions.contexts import Context, described, longest_context, read_contexts
from jobs.actions.units import UnitPlan
from jobs.errors import InvalidInput, Problem
from jobs.parsing import BadRecord, ItemReader, ItemRules, Record, open_reader, read_context
from jobs.parsing.tally import InputTally
from worker.engine import Engine
from worker.items import Computed, ItemWork, UnitFailed, compute, unit_arrays
from worker.run_output import open_writer
from worker.run_writer import Finished

BATCH = 256
"""Items read ahead and handed to the engine together; the engine cuts them into passes of its token budget."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: from the command's options, or from the body of `POST /api/jobs/` in a .json file."""

    action: Action
    facts: ModelFacts
    params: Mapping[str, Any]
    on_invalid: str
    records: Callable[[], Iterable[Record | BadRecord]]
    shared_context: tuple[str, ...]
    contexts: tuple[Context, ...] = ()
    rules: ItemRules | None = None


def run(
    file: Path,
    *,
    action: str | None,
    model: str | None,
    out: Path,
    context: Path | None,
    params: dict[str, Any],
    on_invalid: str,
    name: str,
    report: Callable[[int, int], None],
) -> int:
    """Compute `file` and write `out`, whose suffix names the format; `report(done, total)` is told the progress.

    Returns the exit code: 0, or 4 where items failed. Raises InvalidInput with all problems of the input before
    anything is computed (unless `on_invalid` is "skip"), ModelError where the model cannot be loaded.
    """
    body = _body(file) if file.suffix == ".json" else {}
    slug = model or _text(body, "model")
    engine = Engine.load(slug)
    facts = MODELS.get(slug) or _facts(engine)
    plan = _plan(file, body, action or _text(body, "action"), facts, context, params, on_invalid)
    total = _check(plan)
    partial = out.with_name(f".{out.name}.partial")
    failed = 0
    try:
        with open_writer(partial, out.suffix, action=plan.action, params=plan.params, model=facts) as writer:
            for finished in _results(plan, engine):
                failed += finished.state == "failed"
                writer.write(finished)
                report(finished.index + 1, total)
            writer.close(manifest=_manifest(plan, engine, name))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return 4 if failed else 0


def _body(file: Path) -> dict[str, Any]:
    try:
        body = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput.of(
            Problem("bad_json", f"{file.name} is not JSON: {error.msg}", line=error.lineno, column=error.colno)
        ) from error
    if not isinstance(body, dict) or not isinstance(body.get("items"), list):
        raise InvalidInput.of(
            Problem("bad_json", f"{file.name} is no body of POST /api/jobs/", "It needs model, action and items.")
        )
    return body


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidInput.of(Problem("missing_field", f"the field {field} is missing", path=field))
    return value


def _facts(engine: Engine) -> ModelFacts:
    """Facts of a checkpoint folder, from its configuration."""
    config = engine.model_config
    return ModelFacts(
        slug=engine.checkpoint.name,
        title=engine.checkpoint.name,
        hidden_size=config.hidden_size,
        layers=config.num_hidden_layers,
        parameters=config.parameters(),
        max_residues=config.max_residues,
        max_contexts=config.max_contexts,
        max_global_positions=config.max_num_positions_global,
    )


def _plan(  # noqa: PLR0917 - private, called once
    file: Path,
    body: Mapping[str, Any],
    action_name: str,
    facts: ModelFacts,
    context: Path | None,
    params: Mapping[str, Any],
    on_invalid: str,
) -> Plan:
    action = get_action(action_name)
    given = body.get("params") or {}
    if not isinstance(given, dict):
        raise InvalidInput.of(Problem("bad_params", "params is no JSON object", path="params"))
    asked = {**given, **params}
    contexts = read_contexts(asked.pop("contexts", None), action.rules(facts), facts)
    one = _one_context(body, context, action.rules(facts))
    if contexts and one:
        message = "there is a context for all items, and params.contexts names others"
        raise InvalidInput.of(Problem("two_contexts", message, "Give one of the two.", path="params.contexts"))
    if one and action.long:
        contexts = (one,)
    checked = action.check_params(asked, facts) | ({"contexts": described(contexts)} if contexts else {})
    rules = action.rules_for(facts, checked)
    if contexts:
        rules = replace(rules, context_allowed=False, max_tokens=rules.max_tokens - longest_context(contexts))
    shared = () if action.long else one

    def records() -> Iterator[Record | BadRecord]:
        if body:
            yield from ItemReader(body["items"], rules, strict=False, shared_context=shared)
            return
        with file.open("rb") as stream:
            yield from open_reader(stream, rules, filename=file.name, shared_context=shared)

    return Plan(
        action=action,
        facts=facts,
        params=checked,
        on_invalid=str(body.get("on_invalid") or on_invalid),
        records=records,
        shared_context=shared,
        contexts=contexts,
        rules=rules,
    )


def _one_context(body: Mapping[str, Any], context: Path | None, rules: ItemRules) -> Context:
    """The context that all items share, from the option or the body; empty for none."""
    if context is not None:
        return read_context(context.read_bytes(), rules)
    if body.get("context_sequences"):
        return read_context(orjson.dumps(body["context_sequences"]), rules)
    return ()


def _check(plan: Plan) -> int:
    """Read the whole input once; its number of records. Raises InvalidInput with every problem, as the service does."""
    tally = InputTally(plan.on_invalid)
    for record in plan.records():
        tally.note(record)
    variants = plan.rules.variants if plan.rules else None
    tally.check("nothing was computed", variants.hint if variants else None)
    return tally.total


def _results(plan: Plan, engine: Engine) -> Iterator[Finished]:
    """Every record of the input in order, with its arrays or the reason why it has none."""
    stream = iter(plan.records())
    run: Callable[[list[ItemView]], list[Computed]]
    if isinstance(plan.action, LongAction):
        run = LongRun(plan, plan.action, engine).items
    else:
        run = partial(_direct, plan, engine)
    while batch := list(islice(stream, BATCH)):
        good = [record for record in batch if isinstance(record, Record)]
        views = [
            ItemView(record.sequence, plan.shared_context if record.context is None else record.context, plan.contexts)
            for record in good
        ]
        computed = run(views)
        done = {r.index: _finished(r, view, one) for r, view, one in zip(good, views, computed, strict=True)}
        for one in batch:
            if isinstance(one, BadRecord):
                yield Finished(one.index, one.name, "skipped", ItemView(one.sequence), problem=one.problems[0])
            else:
                yield done[one.index]


def _direct(plan: Plan, engine: Engine, views: list[ItemView]) -> list[Computed]:
    if not isinstance(plan.action, DirectAction):
        raise TypeError(f"{plan.action.name} is no action of single queries")
    return compute([ItemWork(plan.action, plan.params, view) for view in views], engine.encode)


class LongRun:
    """Items of a long action, one after the other from their work units; units that all items share are run once."""

    def __init__(self, plan: Plan, action: LongAction, engine: Engine) -> None:
        self._plan, self._action, self._engine = plan, action, engine
        self._shared: UnitPlan | None = None
        self._arrays: list[Array] = []
        if action.shares_units(plan.params):
            records = (record for record in plan.records() if isinstance(record, Record))
            views = (ItemView(record.sequence) for record in records)
            positions = sorted({at for view in views for at in action.positions(view, plan.params)})
            self._shared = action.plan(plan.params, plan.contexts, positions=positions)

    def items(self, views: list[ItemView]) -> list[Computed]:
        return [self._item(view) for view in views]

    def _item(self, view: ItemView) -> Computed:
        try:
            if self._shared is None:
                units = self._action.plan(self._plan.params, self._plan.contexts, item=view)
                return Computed(units.finish(view, unit_arrays(units, self._engine.encode)))
            if not self._arrays:
                self._arrays = list(unit_arrays(self._shared, self._engine.encode))
            return Computed(self._shared.finish(view, (self._arrays[unit] for unit in self._shared.needed(view))))
        except UnitFailed as failed:
            return Computed(error=failed.problem)


def _finished(record: Record, view: ItemView, computed: Computed) -> Finished:
    if computed.error is None:
        return Finished(record.index, record.name, "succeeded", view, stored=computed.stored)
    return Finished(record.index, record.name, "failed", view, problem=computed.error)


def _manifest(plan: Plan, engine: Engine, name: str) -> dict[str, Any]:
    """Where the numbers come from; printed by the command and, in NPZ, kept in the file."""
    identity = engine.identity
    return {
        "name": name,
        "action": plan.action.name,
        "params": dict(plan.params),
        **{field: getattr(identity, field) for field in identity.__dataclass_fields__},
    }
