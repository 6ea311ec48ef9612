"""The training run: a time budget, a schedule over it, and state that survives a kill.

Several processes of one thread each train together, and average their gradients once a step. On a shared machine this
is much faster than one process with several threads, which wait for each other thousands of times.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from demo_training.batches import Batch, Sampler
from demo_training.optimiser import Muon
from worker.model.e1 import E1
from worker.model.loader import save_model

SAVE_EVERY_S = 120.0
LOG_EVERY_STEPS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of a run.

    `minutes` counts the training time over all parts of an interrupted run. The processes share the tokens of a step.
    """

    minutes: float
    tokens_per_step: int
    peak_rate: float
    seed: int
    warm_up_steps: int = 40
    weight_decay: float = 0.01
    gradient_norm: float = 1.0


@dataclass(slots=True)
class Progress:
    """The progress of a run."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Training:
    """Training of `model` on batches of `sampler`, which saves its state to `folder` and resumes from it.

    Every process of an initialised torch.distributed group has one; the first process writes.
    """

    def __init__(self, model: E1, sampler: Sampler, plan: Plan, folder: Path, weights: Path) -> None:
        self.model, self.sampler, self.plan = model, sampler, plan
        self.folder, self.weights = folder, weights
        self.progress = Progress()
        self.counted = 0.0  # `progress.seconds` counts up to this time
        self.rank, self.processes = dist.get_rank(), dist.get_world_size()
        matrices = [p for p in model.layers.parameters() if p.ndim == 2]
        inner = {id(p) for p in matrices}
        rest = [p for p in model.parameters() if id(p) not in inner]
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=plan.peak_rate, weight_decay=plan.weight_decay),
            torch.optim.AdamW(rest, lr=plan.peak_rate, weight_decay=0.0, betas=(0.9, 0.98)),
        ]

    def run(self) -> Progress:
        """Train until the time budget is used up, then write the weights."""
        self._resume()
        losses: list[float] = []
        self.counted = saved = time.monotonic()
        while self.progress.seconds < 60 * self.plan.minutes:
            number = self.progress.step * self.processes + self.rank
            batch = self.sampler.draw(number, self.plan.tokens_per_step // self.processes, self._done())
            losses.append(self._step(batch))
            if self.rank == 0 and self.progress.step % LOG_EVERY_STEPS == 0:
                self._log(losses)
                losses.clear()
            if self.rank == 0 and time.monotonic() - saved > SAVE_EVERY_S:
                self._save()
                saved = time.monotonic()
        if self.rank == 0:
            self._save()
        return self.progress

    def _step(self, batch: Batch) -> float:
        for group in (group for optimiser in self.optimisers for group in optimiser.param_groups):
            group["lr"] = self._rate()
        *_, (_, x_TH) = self.model.hidden_states(batch.packed, batch.attend)
        loss = nn.functional.cross_entropy(self.model.head(x_TH[batch.rows]), batch.targets)
        self.model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        mean_loss = self._share(loss.detach(), len(batch.packed.tokens))
        nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.gradient_norm)
        for optimiser in self.optimisers:
            optimiser.step()
        return mean_loss

    def _share(self, loss: Tensor, tokens: int) -> float:
        """Average gradients over the processes, count progress, and return the mean loss.

        The processes must agree on the clock, which determines the learning rate and the end. So they average it too.
        """
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        now = time.monotonic()
        counts = torch.tensor([loss.item(), tokens, now - self.counted])
        self.counted = now
        flat = torch.cat([*(g.reshape(-1) for g in gradients), counts])
        dist.all_reduce(flat)
        flat /= self.processes
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        self.progress.step += 1
        self.progress.tokens += round(flat[-2].item() * self.processes)
        self.progress.seconds += flat[-1].item()
        return flat[-3].item()

    def _rate(self) -> float:
        """Return the learning rate: a warm-up by steps, then a cosine over the time budget down to zero."""
        warm = min(1.0, (self.progress.step + 1) / self.plan.warm_up_steps)
        return self.plan.peak_rate * warm * 0.5 * (1 + math.cos(math.pi * self._done()))

    def _done(self) -> float:
        """Return the share of the time budget that is used up."""
        return min(1.0, self.progress.seconds / (60 * self.plan.minutes))

    def _log(self, losses: list[float]) -> None:
        line = {
            "step": self.progress.step,
            "tokens": self.progress.tokens,
            "seconds": round(self.progress.seconds, 1),
            "loss": round(sum(losses) / len(losses), 4),
            "rate": round(self._rate(), 6),
        }
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        """Write state and weights, each under another name first, so that a kill leaves the last ones intact."""
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "plan": asdict(self.plan),
            "progress": [self.progress.step, self.progress.tokens, self.progress.seconds],
        }
        partial = self.folder / "state.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "state.pt")
        partial = self.weights.with_suffix(".partial")
        save_model(self.model, partial, dtype=torch.bfloat16)
        partial.chmod(0o644)
        partial.replace(self.weights)

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.progress = Progress(*state["progress"])
        print(f"process {self.rank} resumes at step {self.progress.step}", flush=True)
