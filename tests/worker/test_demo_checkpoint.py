"""The packaged demonstration checkpoint: its files, the claims of its card, and whether it learned any biology."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from e1protocol import CANONICAL, MASK, MODELS, Query
from worker.engine import Engine
from worker.model.loader import CONFIG, WEIGHTS, load_model, sha256_of
from worker.model.registry import PACKAGED

FOLDER = PACKAGED / "e1-demo"
SAMPLE = json.loads((Path(__file__).parents[1] / "data" / "demo-heldout.json").read_text())
FAMILIES = [[member["sequence"] for member in family] for family in SAMPLE["families"]]
ROW = re.compile(r"^\| ([^|]+?) \| (\d+\.\d+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def engine():
    """Use one thread: with several, small networks are slow while other tests run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Engine.load("e1-demo")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    """Return the perplexities of the card's table, by the name of the row."""
    return {name: float(value) for name, value in ROW.findall((FOLDER / "README.md").read_text())}


def masked_positions(number, sequence):
    """Return a fixed seventh of the canonical residues of a sequence."""
    canonical = [p for p, residue in enumerate(sequence) if residue in CANONICAL]
    return tuple(sorted(np.random.default_rng(number).permutation(canonical)[: len(canonical) // 7].tolist()))


def masked(sequence, positions):
    return "".join(MASK if p in positions else residue for p, residue in enumerate(sequence))


def native_log_probabilities(engine, contexts, families=FAMILIES):
    """Return log p of every masked residue of the families' queries, in one array."""
    positions = [masked_positions(n, family[0]) for n, family in enumerate(families)]
    queries = [
        Query(masked(family[0], where), context, include=frozenset({"logits"}), positions=where)
        for family, where, context in zip(families, positions, contexts, strict=True)
    ]
    found = []
    for family, where, out in zip(families, positions, engine.encode(queries), strict=True):
        logits = out.logits.astype(np.float64)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        found.extend(row[CANONICAL.index(family[0][p])] for row, p in zip(log_p, where, strict=True))
    return np.array(found)


@pytest.fixture(scope="module")
def alone(engine):
    return native_log_probabilities(engine, [()] * len(FAMILIES))


@pytest.fixture(scope="module")
def with_homologs(engine):
    return native_log_probabilities(engine, [tuple(family[1:]) for family in FAMILIES])


def frequency_log_probabilities():
    """Return the same for a model that knows only the residue frequencies of the training proteins."""
    return np.log(
        [
            SAMPLE["training_frequencies"][family[0][p]]
            for n, family in enumerate(FAMILIES)
            for p in masked_positions(n, family[0])
        ]
    )


def perplexity(log_p):
    return float(np.exp(-log_p.mean()))


def test_the_checkpoint_is_what_the_registry_says(engine):
    facts = MODELS["e1-demo"]
    model = load_model(engine.checkpoint.folder, device=torch.device("cpu"), dtype=torch.float32)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == facts.parameters == engine.model_config.parameters() == 1_370_658
    assert (engine.model_config.hidden_size, engine.model_config.num_hidden_layers) == (facts.hidden_size, facts.layers)
    assert (engine.model_config.max_residues, engine.model_config.max_contexts) == (8188, 511)
    assert engine.identity.demonstration


def test_the_files_are_small_and_stored_in_half_precision():
    assert (FOLDER / WEIGHTS).stat().st_size < 4_000_000
    assert json.loads((FOLDER / CONFIG).read_text())["dtype"] == "bfloat16"


def test_the_card_describes_these_weights():
    card = (FOLDER / "README.md").read_text()
    assert sha256_of(FOLDER / WEIGHTS) in card
    assert "not E1-600M" in card
    assert "CC BY 4.0" in card


def test_the_cards_figures_are_ordered_as_they_must_be(figures):
    assert figures["three homologs"] < figures["alone"] < figures["residue frequencies of the training proteins"]
    assert figures["distant queries, three homologs"] < figures["distant queries, alone"]
    assert figures["large families, 50 contexts"] < figures["large families, alone"]
    assert figures["three homologs"] == pytest.approx(figures["three homologs, same weights in float32"], rel=0.01)


def test_homologs_help_and_the_network_alone_beats_residue_frequencies(alone, with_homologs):
    assert perplexity(alone) < 0.99 * perplexity(frequency_log_probabilities())
    assert perplexity(with_homologs) < 0.6 * perplexity(alone)


def test_homologs_of_another_family_do_not_help(engine, with_homologs):
    """The family helps, not the mere presence of context."""
    wrong = native_log_probabilities(engine, [tuple(family[1:]) for family in (*FAMILIES[1:], FAMILIES[0])])
    assert perplexity(with_homologs) < 0.6 * perplexity(wrong)


@pytest.mark.slow
def test_many_contexts_do_not_confuse_the_network(engine):
    """Training hardly saw the sequence numbers and global positions of fifty contexts."""
    families = sorted(FAMILIES, key=lambda family: sum(map(len, family)))[:3]
    others = [sequence for family in FAMILIES if family not in families for sequence in family]
    strangers = sorted(others, key=len)[:47]
    crowds = [(*strangers, *family[1:]) for family in families]
    crowded = native_log_probabilities(engine, crowds, families)
    assert perplexity(crowded) < 0.8 * perplexity(native_log_probabilities(engine, [()] * 3, families))


def test_a_masked_native_residue_is_likelier_than_chance(alone):
    assert alone.mean() > np.log(1 / 20)


def test_an_unmasked_residue_is_recognised(engine):
    """Scores of unmasked passes (log_prob) are meaningful: the residue at a position is the likeliest one."""
    sequence = FAMILIES[0][0]
    out = engine.encode([Query(sequence, include=frozenset({"logits"}))])[0]
    likeliest = [CANONICAL[column] for column in out.logits.argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(likeliest, sequence, strict=True)]) > 0.9
