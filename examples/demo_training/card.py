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

A network of {parameters:,} parameters with the architecture of Profluent-E1, trained from hand-set heads in this
repository so that the service can be tried and tested without the released weights. **It is not one of the released
Profluent-E1 checkpoints, holds none of their weights, and says nothing about their quality.** Profluent has no part
in it and does not endorse it. Do not use its scores for research: E1-600M is 470 times as large and saw vastly more
proteins.

## Architecture

After Profluent-E1: hidden size {hidden}, feed-forward size {intermediate}, {layers} layers, {heads} heads; every
third layer attends over the whole instance, block-causally; all other values as in the released configurations
(`config.json`). Weights are bfloat16 under the released tensor names. sha256 of `model.safetensors`: `{sha256}`

## Data

{proteins:,} distinct proteins of UniProt (UniProt Consortium, licence CC BY 4.0), as Debian's package
`mmseqs2-examples` ships them. MMseqs2 clusters them at 25 % identity into {clusters:,} clusters; {held_clusters}
clusters ({held_proteins:,} proteins) chosen at random are held out. Of the rest, proteins with any hit (E < 1e-3)
to a held-out protein are left out too: {usable:,} proteins, {residues:,} residues, are trained on.

## Training

Masked-language loss on instances of 1 to 16 windows (64 to 512 tokens) over homologous regions, placed by MMseqs2's
alignments with some jitter, in random order; 8 to 28 % of the residues are chosen, most of them masked, a few
replaced or left. Early batches hold more copies of one protein and less jitter. Sequence numbers start above 0 in
three instances of ten. The attention layers do not start at random: hand-set heads gather neighbouring residues and
look up similar neighbourhoods in earlier sequences (`examples/demo_training/initial.py`), because a run this short
would hardly discover that; all weights are trained. Muon for the matrices of the layers, AdamW for the rest,
gradients clipped, a cosine down to zero over a time budget. {steps:,} steps, {tokens:,} tokens, {minutes:.0f}
minutes on two shared AVX2 cores, float32.

## Held-out perplexity

Whole held-out proteins of at most 1,000 residues from families with at least four members; 15 % of the residues
masked, the same ones in every row of a group. Perplexity over the 20 canonical residues. Contexts are whole,
unmasked proteins of the same cluster in random order. "Distant" queries have no alignment of 50 % identity or more
with any of their three homologs. A large family has at least 16 members; its 50 contexts are filled up with
proteins of other families, first in order.

| what | perplexity |
|---|---|
| residue frequencies of the training proteins | {baseline:.2f} |
| alone | {alone:.2f} |
| three homologs | {three:.2f} |
| three homologs, same weights in float32 | {three32:.2f} |
| distant queries, alone | {far_alone:.2f} |
| distant queries, three homologs | {far_three:.2f} |
| large families, alone | {large_alone:.2f} |
| large families, three homologs | {large_three:.2f} |
| large families, 15 homologs | {large_15:.2f} |
| large families, 50 contexts | {large_50:.2f} |

{cases} proteins with {positions:,} masked positions; {far_cases} of them are distant, {large_cases} from large
families.

## Reproduce

    apt-get install mmseqs2 mmseqs2-examples
    python examples/train_demo.py --minutes {budget:g}
    python examples/train_demo.py --evaluate

Data, split and batches are fixed by seeds; the number of steps depends on the machine's speed, so the weights will
differ.

## Limits

Trained for minutes on a few thousand families: alone it knows little more than composition and local patterns; what
homologs add is mostly copying residues from aligned positions. Windows of at most 512 tokens and instances of at
most 1,024 tokens were seen: beyond that homologs help less, and fifteen whole proteins as context help less than
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
    """The weights before rounding to bfloat16, as a checkpoint folder."""
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
        parameters=config.parameters(),
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
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
        baseline=figures["baseline"],
        alone=figures["alone"],
        three=figures["three homologs"],
        three32=exact["three homologs"],
        far_alone=figures["distant, alone"],
        far_three=figures["distant, three homologs"],
        large_alone=figures["large family, alone"],
        large_three=figures["large family, three homologs"],
        large_15=figures["large family, 15 homologs"],
        large_50=figures["large family, 50 contexts"],
        cases=int(figures["proteins"]),
        positions=int(figures["positions"]),
        far_cases=int(figures["distant proteins"]),
        large_cases=int(figures["large-family proteins"]),
    )


def held_out_sample(proteins: Proteins) -> dict[str, object]:
    """A few held-out families, chosen at random, of four sequences each; the first is the query."""
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
