"""The model card of the checkpoint and the small held-out sample that the tests use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import torch

from demo_training.data import EXAMPLES, Proteins
from demo_training.evaluation import (
    evaluate,
    evaluate_large_families,
    held_out_cases,
    held_out_families,
    residue_frequencies,
)
from e1protocol import CANONICAL
from worker.engine import Engine
from worker.model.config import read_config
from worker.model.e1 import E1
from worker.model.loader import CONFIG, WEIGHTS, save_model, sha256_of

SAMPLE_FAMILIES = 24
SAMPLE_LENGTHS = (60, 300)
SAMPLE_SEED = 11

CARD = """# e1-demo: a demonstration checkpoint, not E1-600M

This network has {parameters:,} parameters and the architecture of Profluent-E1. It was trained in this repository from
hand-set heads, so that the service can be tried and tested without the released weights. **It is not one of the
released Profluent-E1 checkpoints and holds none of their weights. It says nothing about their quality.** Profluent has
no part in it and does not endorse it. Do not use its scores for research: E1-600M is 470 times as large and saw far
more proteins.

## Architecture

It follows Profluent-E1: hidden size {config.hidden_size}, feed-forward size {config.intermediate_size},
{config.num_hidden_layers} layers, {config.num_attention_heads} heads. Every third layer attends over the whole
instance, block-causally. All other values are those of the released configurations (`config.json`). Weights are
bfloat16 under the released tensor names. sha256 of `model.safetensors`: `{sha256}`

## Data

{proteins:,} distinct proteins of UniProt (UniProt Consortium, licence CC BY 4.0), from Debian's package
`mmseqs2-examples`. MMseqs2 clusters them at 25 % identity into {clusters:,} clusters. A random {held_clusters} of the
clusters ({held_proteins:,} proteins) are held out. Other proteins with any hit (E < 1e-3) to a held-out protein are
left out too. Training uses {usable:,} proteins with {residues:,} residues.

## Training

Training minimises the masked-language loss on instances of 1 to 16 windows (64 to 512 tokens) over homologous regions.
Windows are placed by MMseqs2's alignments with some jitter, in random order. Of the residues, 8 to 28 % are chosen.
Most of them are masked, a few are replaced or left. Early batches hold more copies of one protein and less jitter.
Sequence numbers start above 0 in three instances of ten.

The attention layers do not start from random weights. Hand-set heads gather neighbouring residues and look up similar
neighbourhoods in earlier sequences (`examples/demo_training/initial.py`). A run this short would hardly discover that.
All weights are trained.

The optimiser is Muon for the matrices of the layers and AdamW for the rest. Gradients are clipped, and the rate follows
a cosine down to zero over a time budget. The run took {steps:,} steps, {tokens:,} tokens and {minutes:.0f} minutes on
two shared AVX2 cores, in float32.

## Held-out perplexity

The queries are whole held-out proteins of at most 1,000 residues, from families with at least four members. Of the
residues 15 % are masked, the same ones in every row of a group. Perplexity is over the 20 canonical residues. Contexts
are whole, unmasked proteins of the same cluster in random order. "Distant" queries have no alignment of 50 % identity
or more with any of their three homologs. A large family has at least 16 members. Its 50 contexts are filled up with
proteins of other families, which come first.

| what | perplexity |
|---|---|
| residue frequencies of the training proteins | {figures[baseline]:.2f} |
| alone | {figures[alone]:.2f} |
| three homologs | {figures[three homologs]:.2f} |
| three homologs, same weights in float32 | {exact[three homologs]:.2f} |
| distant queries, alone | {figures[distant, alone]:.2f} |
| distant queries, three homologs | {figures[distant, three homologs]:.2f} |
| large families, alone | {figures[large family, alone]:.2f} |
| large families, three homologs | {figures[large family, three homologs]:.2f} |
| large families, 15 homologs | {figures[large family, 15 homologs]:.2f} |
| large families, 50 contexts | {figures[large family, 50 contexts]:.2f} |

There are {figures[proteins]} proteins with {figures[positions]:,} masked positions. Of these proteins
{figures[distant proteins]} are distant, and {figures[large-family proteins]} are from large families.

## Reproduce

    apt-get install mmseqs2 mmseqs2-examples
    python examples/train_demo.py --minutes {budget:g}
    python examples/train_demo.py --evaluate

Seeds fix the data, the split and the batches. The number of steps depends on the speed of the machine, so the weights
will differ.

## Limits

Training took minutes on a few thousand families. Alone, the network knows little more than composition and local
patterns. Homologs mostly add residues copied from aligned positions. Training used windows of at most 512 tokens and
instances of at most 1,024 tokens. Beyond that, homologs help less, and fifteen whole proteins as context help less than
three. Embeddings and scores show how the service behaves, not what proteins do.
"""


def evaluate_and_write(proteins: Proteins, checkpoint: Path, work: Path, sample: Path) -> None:
    """Evaluate the checkpoint, write its card (`README.md`), the figures and the sample of held-out families."""
    cases, frequencies = held_out_cases(proteins), residue_frequencies(proteins)
    engine = Engine.load(checkpoint)
    figures = evaluate(engine, cases, frequencies) | evaluate_large_families(engine, cases)
    state = torch.load(work / "state.pt", weights_only=True)
    copy = _float32_copy(checkpoint, state["model"], work / "float32")
    exact = evaluate(Engine.load(copy), cases, frequencies)
    (work / "evaluation.json").write_text(json.dumps({"bfloat16": figures, "float32": exact}, indent=1) + "\n")
    card = _card(proteins, checkpoint, figures, exact, state)
    (checkpoint / "README.md").write_text(card, encoding="utf-8")
    sample.write_text(json.dumps(held_out_sample(proteins), indent=1) + "\n", encoding="utf-8")
    for name, value in figures.items():
        print(f"{name:32} {value:10.2f}   float32 {exact.get(name, float('nan')):10.2f}", flush=True)


def _float32_copy(checkpoint: Path, weights: dict[str, torch.Tensor], folder: Path) -> Path:
    """Write the weights before rounding to bfloat16 to a checkpoint folder."""
    folder.mkdir(exist_ok=True)
    shutil.copy(checkpoint / CONFIG, folder / CONFIG)
    model = E1(read_config(folder / CONFIG))
    model.load_state_dict(weights)
    save_model(model, folder / WEIGHTS, dtype=torch.float32)
    return folder


def _card(
    proteins: Proteins, checkpoint: Path, figures: dict[str, float], exact: dict[str, float], state: dict[str, object]
) -> str:
    config = read_config(checkpoint / CONFIG)
    progress, plan = state["progress"], state["plan"]
    assert isinstance(progress, list)
    assert isinstance(plan, dict)
    return CARD.format(
        config=config,
        parameters=config.parameters(),
        sha256=sha256_of(checkpoint / WEIGHTS),
        proteins=len(proteins.sequences),
        clusters=int(proteins.cluster.max()) + 1,
        held_clusters=len(np.unique(proteins.cluster[proteins.held_out])),
        held_proteins=int(proteins.held_out.sum()),
        usable=int(proteins.usable.sum()),
        residues=sum(len(s) for s, usable in zip(proteins.sequences, proteins.usable, strict=True) if usable),
        steps=progress[0],
        tokens=progress[1],
        minutes=progress[2] / 60,
        budget=plan["minutes"],
        figures=figures,
        exact=exact,
    )


def held_out_sample(proteins: Proteins) -> dict[str, object]:
    """Return a few random held-out families of four sequences each; the first is the query."""
    random = np.random.default_rng(SAMPLE_SEED)
    shortest, longest = SAMPLE_LENGTHS
    families: list[list[dict[str, str]]] = []
    candidates = held_out_families(proteins)
    for number in random.permutation(len(candidates)):
        members = [m for m in candidates[number] if shortest <= len(proteins.sequences[m]) <= longest]
        if len(members) >= 4 and len(families) < SAMPLE_FAMILIES:
            chosen = random.permutation(members)[:4]
            families.append([{"name": proteins.names[m], "sequence": proteins.sequences[m]} for m in chosen])
    frequencies = dict(zip(CANONICAL, residue_frequencies(proteins).round(5).tolist(), strict=True))
    source = f"UniProt (CC BY 4.0), from Debian's mmseqs2-examples ({EXAMPLES.name}); clusters held out of training"
    return {"source": source, "training_frequencies": frequencies, "families": families}
