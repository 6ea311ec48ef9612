"""What a job will keep, before anything is computed. `jobs.intake.plans` counts what it runs.

Bytes are those of the arrays as they are stored, float32 (float16 where the job asks for it) but for the one float64 of
log_prob, one byte for each residue of the library, and the names and headers of its records as UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from e1protocol import CANONICAL, MASK, ModelFacts
from jobs.actions.dtypes import dtype_of
from jobs.parsing import BadRecord, Record

FLOAT = 4
DOUBLE = 8
LETTERS = len(CANONICAL)


def result_bytes(action: str, params: Mapping[str, Any], model: ModelFacts, sequence: str) -> int:
    """Bytes of the arrays that one item leaves in the database; `params` as `check_params` gives them. 0 for an action
    that is not known here.
    """
    one = _RESULTS[action](params, model, sequence) if action in _RESULTS else 0
    contexts = len(params.get("contexts") or ())
    # Several contexts: the mean, the spread, and one array for each (jobs.actions).
    return one * (contexts + 2) if contexts and action not in _WHOLE else one


def _encode(params: Mapping[str, Any], model: ModelFacts, sequence: str) -> int:
    include, layers, residues = params["include"], len(params["repr_layers"]), len(sequence)
    numbers = 0
    if "mean" in include:
        numbers += layers * model.hidden_size
    if "per_token" in include:
        numbers += layers * model.hidden_size * residues
    if "logits" in include:
        numbers += LETTERS * residues
    return dtype_of(params).itemsize * numbers


def _predict(params: Mapping[str, Any], model: ModelFacts, sequence: str) -> int:
    rows = sequence.count(MASK) if params["rows"] == "masked" else len(sequence)
    return dtype_of(params).itemsize * LETTERS * rows


def _log_prob(params: Mapping[str, Any], model: ModelFacts, sequence: str) -> int:
    return DOUBLE


def _score(params: Mapping[str, Any], model: ModelFacts, sequence: str) -> int:
    return DOUBLE * (2 + max(1, len(params.get("contexts", ()))))


def _scan(params: Mapping[str, Any], model: ModelFacts, sequence: str) -> int:
    positions = len(params["positions"] or sequence)
    contexts = len(params.get("contexts", ()))
    return DOUBLE * positions * (1 + LETTERS * (2 + (contexts if contexts > 1 else 0)))


def _contacts(params: Mapping[str, Any], model: ModelFacts, sequence: str) -> int:
    contexts = len(params.get("contexts", ()))
    return FLOAT * len(sequence) ** 2 * (contexts + 2 if contexts > 1 else 1)


_RESULTS: Mapping[str, Callable[[Mapping[str, Any], ModelFacts, str], int]] = MappingProxyType(
    {
        "encode": _encode,
        "predict": _predict,
        "log_prob": _log_prob,
        "score": _score,
        "scan": _scan,
        "contacts": _contacts,
    }
)
_WHOLE: frozenset[str] = frozenset({"score", "scan", "contacts"})
"""Actions whose bytes are counted with all their contexts already."""


@dataclass(slots=True)
class CostTally:
    """Bytes of the records of one library, summed while it is read."""

    action: str
    params: Mapping[str, Any]
    model: ModelFacts
    residues: int = 0
    text_bytes: int = 0
    result_bytes: int = 0

    def note(self, record: Record | BadRecord) -> None:
        """Count one record; of one that is skipped what is kept of it."""
        self.text_bytes += len(record.name.encode()) + len(record.header.encode())
        if isinstance(record, BadRecord):
            self.text_bytes += len(record.sequence)
        else:
            self.residues += len(record.sequence)
            self.result_bytes += result_bytes(self.action, self.params, self.model, record.sequence)

    @property
    def stored_bytes(self) -> int:
        """What the job will take of its owner's storage: letters, names, headers and results, without files built of
        them later.
        """
        return self.residues + self.text_bytes + self.result_bytes
