"""The choice between float32 and bfloat16: measured when an engine loads, never read from a list of processors.

On a CPU, `auto` chooses bfloat16 if both hold:

- Products and a short forward pass at the checkpoint's shapes are faster by `WORTH_IT`.
- The network is accurate on `PROBE`. Errors of hidden states and logits are at most `ERROR_LIMIT` times those of the
  reference's own bfloat16. The scan's scores keep their order (Spearman at least `SPEARMAN`).

On a GPU it chooses bfloat16 if the device supports it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch.nn import functional as F  # noqa: N812 - its usual name

from worker.engine.config import is_large
from worker.engine.packer import Instance, pack
from worker.model.attention import sdpa_attend
from worker.model.config import E1Config, read_config
from worker.model.e1 import E1
from worker.model.loader import CONFIG, load_model
from worker.model.products import can_pack, pack_products, products_to
from worker.model.rounding import outputs_of, reference_outputs, relative_error, scan_scores, spearman

WORTH_IT = 1.2
"""Least gain in rate. A smaller one isn't worth the rounding, and could come out differently at the next start."""
ERROR_LIMIT = 1.5
SPEARMAN = 0.999
ROWS = 256
TURNS = 5
PROBE = (
    "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAEDQLGARVGYIELDLNSGKILESFRPEERFPMMSTFKVLLCGAVLSRIDAGQEQLGRRIHYSQNDLVEYSPV"
    "TEKHLTDGMTVRELCSAAITMSDNTAANLLLTTIGGPKELTAFLHNMGDHVTRLDRWEPELNEAIPNDERDTTMPVAMATTLRKLLTGELLTLASRQQLIDWMEAD"
)
"""The first residues of TEM-1 beta-lactamase: a natural protein, for which the released networks are meant."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A type of products, why it was chosen, and the figures behind it.

    `reason` has no figures, so that workers on equal machines have equal identities. `figures` are for people.
    """

    dtype: torch.dtype
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value:.4g}" for name, value in self.figures.items())
        return f"{self.name}: {self.reason}" + (f" ({said})" if said else "")


def load_chosen(folder: Path, precision: str, device: torch.device) -> tuple[E1, Choice]:
    """Load the checkpoint with products of the named type, or of the chosen one for "auto"."""
    choice = without_weights(read_config(folder / CONFIG), precision, device)
    if choice is not None:
        return load_model(folder, device=device, dtype=choice.dtype), choice
    speed = speed_figures(read_config(folder / CONFIG))
    if min(speed.values()) < WORTH_IT:
        return load_model(folder, device=device, dtype=torch.float32), Choice(
            torch.float32, "bfloat16 is not faster on this processor", speed
        )
    # Float32 first: its products can be rounded in place, so that the two never are in memory together.
    model = load_model(folder, device=device, dtype=torch.float32)
    errors = error_figures(model)
    if not is_accurate(errors):
        model = load_model(folder, device=device, dtype=torch.float32)
        return model, Choice(torch.float32, "bfloat16 changes this network's numbers too much", speed | errors)
    return model, Choice(torch.bfloat16, "bfloat16 is faster on this processor, and accurate enough", speed | errors)


def without_weights(config: E1Config, precision: str, device: torch.device) -> Choice | None:
    """Return the choice if it needs no measurement: it was asked for, or the device decides."""
    if precision != "auto":
        return Choice(getattr(torch, precision), "it was asked for")
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return Choice(torch.bfloat16, "the GPU computes in bfloat16")
    if device.type != "cpu":
        return Choice(torch.float32, "the device has no bfloat16")
    if not is_large(config):
        return Choice(torch.float32, "the network is too small for bfloat16 to help")
    return None


def speed_figures(config: E1Config) -> dict[str, float]:
    """Return how many times as fast bfloat16 is: plain products, and a pass of a few layers, at these shapes.

    Slow products end the measurement, because without native support a pass may take ten times as long.
    """
    H, I = config.hidden_size, config.intermediate_size
    products = _ratio(lambda dtype: _products(H, I, dtype))
    figures = {"products": products}
    if products >= WORTH_IT:
        layers = min(config.num_hidden_layers, config.global_attention_every_n_layers)
        figures["forward"] = _ratio(lambda dtype: _forward(replace(config, num_hidden_layers=layers), dtype))
    return figures


def error_figures(model: E1) -> dict[str, float]:
    """Round the products of a float32 model to bfloat16, and return its errors beside those of the reference's way."""
    batch, (place,) = pack([Instance((PROBE,))])
    rows = slice(place.start, place.end)
    exact, reference = outputs_of(model, batch), reference_outputs(model, batch)
    products_to(model, torch.bfloat16)
    ours = outputs_of(model, batch)
    return {
        "hidden_error": relative_error(ours.hidden[rows], exact.hidden[rows]),
        "hidden_error_of_reference": relative_error(reference.hidden[rows], exact.hidden[rows]),
        "logits_error": relative_error(ours.logits[rows], exact.logits[rows]),
        "logits_error_of_reference": relative_error(reference.logits[rows], exact.logits[rows]),
        "spearman": spearman(scan_scores(ours.logits[rows], PROBE), scan_scores(exact.logits[rows], PROBE)),
    }


def is_accurate(errors: Mapping[str, float]) -> bool:
    """Return whether these errors are within the limits. NaN never is."""
    within = (errors[name] <= ERROR_LIMIT * errors[f"{name}_of_reference"] for name in ("hidden_error", "logits_error"))
    return all(within) and errors["spearman"] >= SPEARMAN


def _ratio(work_of: Callable[[torch.dtype], Callable[[], object]]) -> float:
    """Return the time in float32 over that in bfloat16: the best of a few turns of each, in alternation."""
    works = [work_of(torch.float32), work_of(torch.bfloat16)]
    best = [float("inf"), float("inf")]
    with torch.inference_mode():
        for turn in range(TURNS + 1):
            for number, work in enumerate(works):
                started = time.perf_counter()
                work()
                if turn:  # the first one warms up
                    best[number] = min(best[number], time.perf_counter() - started)
    return best[0] / best[1]


def _products(H: int, I: int, dtype: torch.dtype) -> Callable[[], object]:
    x_TH, weight_IH = torch.full((ROWS, H), 0.01, dtype=dtype), torch.full((3 * I, H), 0.01, dtype=dtype)
    return lambda: F.linear(x_TH, weight_IH)


def _forward(config: E1Config, dtype: torch.dtype) -> Callable[[], object]:
    with torch.device("meta"):
        model = E1(config)
    model = model.to_empty(device="cpu").eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.fill_(0.01)
    products_to(model, dtype)
    if can_pack():
        pack_products(model)
    batch, _ = pack([Instance(("A" * (ROWS - 4),)), Instance(("A" * (ROWS - 4),))])
    return lambda: list(model.hidden_states(batch, sdpa_attend))
