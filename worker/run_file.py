"""`e1 run`: compute a file in one process, with no server. Memory does not grow with the number of items."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from e1protocol import MODELS, ModelFacts
from jobs.actions import Action, DirectAction, ItemView, LongAction, get_action
from jobs.actions.base import AUTO, PRECISION, Array, check_precision
from jobs.actions.contexts import Context, Contexts, described, read_contexts
from jobs.actions.numbered import numbered_by_file
from jobs.actions.units import UnitPlan
from jobs.errors import InvalidInput, Problem
from jobs.parsing import BadRecord, ItemReader, ItemRules, Reader, Record, blocks_of, open_reader, read_context
from jobs.parsing.asked import Reading
from jobs.parsing.bodies import REQUESTS, check_choices, check_request, parse_file, shared_context
from jobs.parsing.tally import InputTally
from jobs.parsing.upload import LookedAt
from jobs.science.variants.numbering_files import FileNumbering
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.items import Computed, ItemWork, UnitFailed, compute, unit_arrays
from worker.model.errors import SelfTestFailed
from worker.model.verify import self_test
from worker.run_output import open_writer
from worker.run_writer import Finished

_AS_FOUND: Mapping[str, str] = {}

BATCH = 256
"""Items that go to the engine together; it cuts them into passes within its token budget."""


class Library:
    """The records of a file, or of a body's items. Each iteration reads the input again.

    `cleaning` and `warnings` are complete once an iteration has ended.
    """

    def __init__(
        self,
        file: Path,
        body: Mapping[str, Any],
        rules: ItemRules,
        shared_context: Context,
        reading: Reading,
    ) -> None:
        self._reading = reading
        self._file, self._items, self._rules, self._shared = file, body.get("items"), rules, shared_context
        self.cleaning: dict[str, int] = {}
        self.warnings: list[Problem] = []

    def __iter__(self) -> Iterator[Record | BadRecord]:
        if self._items is not None:
            yield from self._read(ItemReader(self._items, self._rules, strict=False, shared_context=self._shared))
            return
        with self._file.open("rb") as stream:
            reader = open_reader(
                stream, self._rules, filename=self._file.name, shared_context=self._shared, reading=self._reading
            )
            yield from self._read(reader)

    def _read(self, reader: ItemReader | Reader) -> Iterator[Record | BadRecord]:
        yield from reader
        self.cleaning, self.warnings = reader.cleaning, reader.warnings()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: from the command's options, or from the body of `POST /api/jobs/` in a .json file."""

    action: Action
    params: Mapping[str, Any]
    rules: ItemRules
    library: Library
    shared_context: Context
    contexts: Contexts
    notes: Sequence[Problem] = ()
    """Warnings about the context, and about the numbering in a file."""

    def view(self, record: Record) -> ItemView:
        context = self.shared_context if record.context is None else record.context
        return ItemView(record.sequence, context, self.contexts)


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
    warn: Callable[[Problem], None] = lambda _: None,
    started: Callable[[float, float], None] = lambda _loaded, _checked: None,
    table: str = "",
    numbering: Callable[[str], FileNumbering] | None = None,
    reading: Mapping[str, str] = _AS_FOUND,
    precision: str = "",
) -> int:
    """Compute `file` and write `out`, whose suffix names the format.

    A `.json` file is the body of a request; the arguments come before its fields, and are empty to leave them.
    `reading` has the fields of `Reading`. `numbering` returns that of a sequence, from a file. `precision` is one of
    `EngineConfig`; without it, `E1_PRECISION` is asked.

    Calls `warn` with each warning about the input before anything is computed, and `report(done, total)` after each
    item. Calls `started` with the seconds that the network took to load, and to pass its self-test.

    Returns the exit code: 0, or 4 if items failed. Raises InvalidInput with all problems of the input (unless
    `on_invalid` is "skip") before anything is computed. Raises ModelError if the network cannot be loaded or used.
    """
    known = {"model": model, "action": action, "on_invalid": on_invalid}
    body = _body(file, known) if is_request(file) else {}
    fields = body | {field: value for field, value in known.items() if value}
    on_invalid, slug = check_choices(fields), fields["model"]
    engine = _ready(slug, _precision(precision, {**_params(body), **params}), started)
    facts = MODELS.get(slug) or _facts(engine)
    asked = Reading.of(reading)
    plan = _plan(file, body, get_action(fields["action"]), facts, context, params, numbering, asked)
    total = _check(plan, on_invalid)
    of_variants = plan.rules.variants.warnings() if plan.rules.variants else ()
    for problem in (*plan.notes, *plan.library.warnings, *of_variants):
        warn(problem)
    partial = out.with_name(f".{out.name}.partial")
    failed = 0
    try:
        with open_writer(
            partial, out.suffix, action=plan.action, params=plan.params, model=facts, table=table
        ) as writer:
            writer.foresee(record.sequence for record in plan.library)
            for finished in _results(plan, engine):
                failed += finished.state == "failed"
                writer.write(finished)
                report(finished.index + 1, total)
            writer.close(manifest=_manifest(plan, engine, name or str(body.get("name") or "")))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return 4 if failed else 0


def _precision(option: str, params: Mapping[str, Any]) -> str:
    """Return what `--precision` and `params.precision` ask for. Raises InvalidInput if they differ."""
    asked = check_precision(params.get(PRECISION))
    if option and PRECISION in params and option != asked:
        message = f"--precision is {option}, and the parameters ask for {asked}"
        raise InvalidInput.one("two_precisions", message, "Give one of the two.", path=f"params.{PRECISION}")
    return option or ("" if asked == AUTO else asked)


def _params(body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = body.get("params")
    return given if isinstance(given, Mapping) else {}


def _ready(model: str, precision: str, started: Callable[[float, float], None]) -> Engine:
    """Load a network and test it as a worker does. Raises ModelError."""
    began = time.perf_counter()
    engine = Engine.load(model, EngineConfig(precision=precision) if precision else None)
    loaded = time.perf_counter()
    failed = [check for check in self_test(engine) if not check.passed]
    if failed:
        reasons = "; ".join(f"{check.name}: {check.measured} (tolerance {check.tolerance})" for check in failed)
        raise SelfTestFailed(f"{model} fails its self-test on this machine, so nothing was computed: {reasons}")
    started(loaded - began, time.perf_counter() - loaded)
    return engine


def is_request(file: Path) -> bool:
    """Return whether a file is the body of `POST /api/jobs/`, by its name or its content."""
    if file.name.endswith(REQUESTS):
        return True
    with file.open("rb") as stream:
        return LookedAt(stream, filename=file.name).kind.key == "json"


def _body(file: Path, known: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the request in a file, packed or not. Raises InvalidInput as REST does."""
    with file.open("rb") as stream:
        body = parse_file(blocks_of(stream))
    check_request(body, known)
    return body


def _facts(engine: Engine) -> ModelFacts:
    """Return the facts of a checkpoint folder, from its configuration."""
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
    action: Action,
    facts: ModelFacts,
    context: Path | None,
    params: Mapping[str, Any],
    numbering: Callable[[str], FileNumbering] | None,
    reading: Reading,
) -> Plan:
    given = body.get("params") or {}
    if not isinstance(given, dict):
        raise InvalidInput.one("bad_params", "params is not a JSON object", path="params")
    asked = {**given, **params}
    contexts = read_contexts(asked.pop("contexts", None), action.rules(facts), facts)
    notes: list[Problem] = []
    shared = _one_context(body, context, action.rules(facts), notes)
    if contexts and shared:
        message = "there is a context for all items, and params.contexts names others"
        raise InvalidInput.one("two_contexts", message, "Give one of the two.", path="params.contexts")
    if shared and action.long:
        contexts, shared = (shared,), ()
    if numbering is not None:
        first = partial(_first_sequence, Library(file, body, action.rules(facts), (), reading))
        asked, found = numbered_by_file(asked, action, facts, numbering, first)
        notes += found
    checked = action.check_params(asked, facts) | ({"contexts": described(contexts)} if contexts else {})
    rules = action.rules_under(facts, checked, contexts)
    return Plan(action, checked, rules, Library(file, body, rules, shared, reading), shared, contexts, notes)


def _first_sequence(library: Iterable[Record | BadRecord]) -> str | None:
    return next((record.sequence for record in library if isinstance(record, Record)), None)


def _one_context(body: Mapping[str, Any], context: Path | None, rules: ItemRules, notes: list[Problem]) -> Context:
    """Return the context that all items share, from the option or the body; empty for none."""
    if context is not None:
        return read_context(context.read_bytes(), rules, filename=context.name, notes=notes)
    if shared := shared_context(body):
        return read_context(orjson.dumps(shared), rules)
    return ()


def _check(plan: Plan, on_invalid: str) -> int:
    """Read the whole input once and return its number of records.

    Raises InvalidInput with every problem, as the service does.
    """
    hint = plan.rules.variants.hint if plan.rules.variants else None
    tally = InputTally(on_invalid, "nothing was computed", hint)
    for record in plan.library:
        tally.note(record)
    tally.check()
    return tally.total


def _results(plan: Plan, engine: Engine) -> Iterator[Finished]:
    """Yield every record of the input in order, with its arrays or the reason why it has none."""
    stream = iter(plan.library)
    run = LongRun(plan, engine).items if isinstance(plan.action, LongAction) else partial(_direct, plan, engine)
    while batch := list(islice(stream, BATCH)):
        views = [plan.view(record) for record in batch if isinstance(record, Record)]
        computed = iter(zip(views, run(views), strict=True))
        for record in batch:
            if isinstance(record, BadRecord):
                view = ItemView(record.sequence)
                yield Finished(record.index, record.name, "skipped", view, problem=record.problems[0])
            else:
                view, one = next(computed)
                state = "failed" if one.error else "succeeded"
                yield Finished(record.index, record.name, state, view, one.stored, one.error)


def _direct(plan: Plan, engine: Engine, views: list[ItemView]) -> list[Computed]:
    if not isinstance(plan.action, DirectAction):
        raise TypeError(f"{plan.action.name} is not an action of single queries")
    return compute([ItemWork(plan.action, plan.params, view) for view in views], engine.encode)


class LongRun:
    """Items of a long action, one after the other. Units that all items share are computed once."""

    def __init__(self, plan: Plan, engine: Engine) -> None:
        if not isinstance(plan.action, LongAction):
            raise TypeError(f"{plan.action.name} has no work units")
        self._params, self._contexts, self._action, self._engine = plan.params, plan.contexts, plan.action, engine
        self._shared: UnitPlan | None = None
        self._arrays: list[Array] = []
        if self._action.shares_units(plan.params):
            views = (plan.view(record) for record in plan.library if isinstance(record, Record))
            positions = sorted({at for view in views for at in self._action.positions(view, plan.params)})
            self._shared = self._action.plan(plan.params, plan.contexts, positions=positions)

    def items(self, views: list[ItemView]) -> list[Computed]:
        return [self._item(view) for view in views]

    def _item(self, view: ItemView) -> Computed:
        try:
            if self._shared is None:
                units = self._action.plan(self._params, self._contexts, item=view)
                return Computed(units.finish(view, unit_arrays(units, self._engine.encode)))
            if not self._arrays:
                self._arrays = list(unit_arrays(self._shared, self._engine.encode))
            return Computed(self._shared.finish(view, (self._arrays[unit] for unit in self._shared.needed(view))))
        except UnitFailed as failed:
            return Computed(error=failed.problem)


def _manifest(plan: Plan, engine: Engine, name: str) -> dict[str, Any]:
    """Return the origin of the numbers. The command prints it, and array files keep it."""
    asked = {"name": name, "action": plan.action.name, "params": dict(plan.params)}
    return {**asked, "cleaning": plan.library.cleaning, **asdict(engine.identity)}
