"""Train and evaluate the demonstration checkpoint `e1-demo`.

    python examples/train_demo.py --minutes 60          train (a killed run resumes)
    python examples/train_demo.py --evaluate            evaluate the checkpoint, write its card

Needs the Debian packages mmseqs2 and mmseqs2-examples. Working files are in `.local/train`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.distributed as dist
from demo_training.batches import Sampler
from demo_training.data import prepare
from demo_training.initial import initialise
from demo_training.training import Plan, Training
from torch.multiprocessing.spawn import spawn

from worker.model.config import read_config
from worker.model.loader import CONFIG, WEIGHTS
from worker.model.registry import PACKAGED


def main() -> None:
    """Train or evaluate, as the command line asks."""
    parser = argparse.ArgumentParser(description="Train or evaluate the demonstration checkpoint e1-demo.")
    parser.add_argument("--evaluate", action="store_true", help="evaluate instead of training")
    parser.add_argument("--minutes", type=float, default=60, help="training time (default 60)")
    parser.add_argument("--tokens", type=int, default=4096, help="tokens of a step (default 4096)")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate (default 0.002)")
    parser.add_argument("--seed", type=int, default=1, help="seed of weights and batches (default 1)")
    parser.add_argument("--processes", type=int, default=2, help="processes of one thread each (default 2)")
    parser.add_argument("--work", type=Path, default=Path(".local/train"), help="folder of state, log and data")
    parser.add_argument("--checkpoint", type=Path, default=PACKAGED / "e1-demo", help="folder with config.json")
    parser.add_argument("--sample", type=Path, default=Path("tests/data/demo-heldout.json"), help="sample to write")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.evaluate:
        from demo_training.card import evaluate_and_write

        torch.set_num_threads(1)
        proteins = prepare(options.work / "data", options.processes)
        evaluate_and_write(proteins, options.checkpoint, options.work, options.sample)
        return
    prepare(options.work / "data", options.processes)
    meeting = (options.work / "meeting").resolve()
    meeting.unlink(missing_ok=True)
    spawn(train, args=(options, meeting), nprocs=options.processes)  # type: ignore[no-untyped-call]


def train(rank: int, options: argparse.Namespace, meeting: Path) -> None:
    """Train in one process; `meeting` is a file through which the processes find each other."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting.as_uri(), rank=rank, world_size=options.processes)
    plan = Plan(options.minutes, options.tokens, options.rate, options.seed)
    model = initialise(read_config(options.checkpoint / CONFIG), options.seed)
    sampler = Sampler(prepare(options.work / "data"), options.seed)
    progress = Training(model, sampler, plan, options.work, options.checkpoint / WEIGHTS).run()
    if rank == 0:
        print(f"trained {progress.step} steps, {progress.tokens} tokens, {progress.seconds:.0f} s", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
