"""What crosses the border between the web side (`jobs`) and the model side (`worker`).

Both sides import this module, and neither imports the other; the client imports it too. It needs the standard library
only. All classes are frozen. Arrays inside an `Encoding` belong to its receiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CANONICAL = "ACDEFGHIKLMNPQRSTVWY"
"""The 20 canonical residues, in the order of every logits column shown to users."""
EXTENDED = CANONICAL + "BXZUO"
"""Canonical residues and the ambiguous or rare letters that the model accepts."""
MASK = "?"

BOUNDARY_TOKENS = 4
"""Tokens around a sequence that are no residues: <bos> 1 RESIDUES 2 <eos>."""

SAMPLED_RESIDUES = 12288
SAMPLED_SEQUENCES = 511
"""Most context sequences of the released checkpoints, which number 512 sequences, the query included."""
NEIGHBOUR_THRESHOLD = 0.8
"""Least identity of neighbours. This and the two above are the defaults of context sampling."""

INCLUDES = ("mean", "per_token", "logits")

TASK_RUN_BUNDLE = "worker.run_bundles"
TASK_DISPATCH = "jobs.dispatch"
TASK_EXPIRE = "jobs.expire"
TASK_REAP = "jobs.reap"
TASK_WEBHOOKS = "jobs.deliver_webhooks"
TASK_WORK = "jobs.work_in_background"
SERVICE_QUEUE = "service"
ARTEFACT_QUEUE = "artefacts"
"""Builds take minutes. On the service queue they would delay the safety nets."""


PRECISIONS = ("auto", "float32", "bfloat16")
"""Types of the matrix products that a worker or a job can be asked for; `auto` leaves it to the worker."""


def model_queue(slug: str, precision: str = "", cost_centre: str = "") -> str:
    """Return the Celery queue that workers of this model consume, or the one of those that compute in `precision`.

    Workers of a cost centre have queues of their own.
    """
    name = f"model.{slug}.{precision}" if precision else f"model.{slug}"
    return f"{name}@{cost_centre}" if cost_centre else name


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts of a checkpoint that the web side needs to validate a request without loading it."""

    slug: str
    title: str
    hidden_size: int
    layers: int
    parameters: int
    demonstration: bool = False
    max_residues: int = 8188
    max_contexts: int = 511
    max_global_positions: int = 65536

    def layer(self, requested: int) -> int:
        """Resolve a hidden-state index; negative ones count from the end, -1 is after the final norm.

        Raises ValueError outside -(layers + 1)..layers.
        """
        if not -(self.layers + 1) <= requested <= self.layers:
            raise ValueError(f"layer {requested} is outside {-(self.layers + 1)}..{self.layers}")
        return requested if requested >= 0 else self.layers + 1 + requested


MODELS: Mapping[str, ModelFacts] = MappingProxyType(
    {
        facts.slug: facts
        for facts in (
            ModelFacts("e1-600m", "Profluent-E1 600M", 1280, 30, 641_438_754),
            ModelFacts("e1-300m", "Profluent-E1 300M", 1024, 20, 274_317_346),
            ModelFacts("e1-150m", "Profluent-E1 150M", 768, 20, 154_423_330),
            ModelFacts("e1-demo", "E1 demonstration network", 128, 6, 1_370_658, demonstration=True),
        )
    }
)
"""The registered checkpoints, by slug. Their files are named in `worker.model.registry`."""


def tokens_of(*sequences: str) -> int:
    """Return the tokens, and so global positions, that these sequences take in the network."""
    return sum(map(len, sequences)) + BOUNDARY_TOKENS * len(sequences)


@dataclass(frozen=True, slots=True)
class Query:
    """One pass of one sequence through the network.

    `sequence` and `context` hold letters A-Z and, in the sequence, `?` for a masked residue. `layers` are hidden
    states; negative ones count from the end (-1: after the final norm). `include`, a subset of `INCLUDES`, names what
    is computed. `positions` (0-based) restricts the logits to those residues, in that order; None means all of them.
    """

    sequence: str
    context: tuple[str, ...] = ()
    layers: tuple[int, ...] = (-1,)
    include: frozenset[str] = frozenset({"mean"})
    positions: tuple[int, ...] | None = None

    @property
    def tokens(self) -> int:
        """Tokens of the whole instance, context included."""
        return tokens_of(self.sequence, *self.context)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The result of one query. Arrays are float32 and cover the query's L residues, never its boundary tokens.

    `logits` are [L, 20] in the column order of `CANONICAL`, [len(positions), 20] if the query names positions, or None
    if not requested. `mean` [H] and `per_token` [L, H] are keyed by resolved layer. `error` is the stable code of a
    failure such as `out_of_memory`, without arrays; otherwise None.
    """

    logits: NDArray[np.float32] | None = None
    mean: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    per_token: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """The network and the device that a number came from; stored with every chunk's results."""

    model: str
    checkpoint_sha256: str
    precision: str
    device: str
    attention: str
    torch_version: str
    code_version: str
    demonstration: bool
    precision_reason: str = ""
