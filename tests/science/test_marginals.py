"""Scores compared with the golden numbers of a random checkpoint, and with each other."""

import json
from pathlib import Path

import numpy as np
import pytest

from e1protocol import CANONICAL, Query
from jobs.errors import InvalidInput
from jobs.science.variants.codes import Variant, read_variant, single_variants
from jobs.science.variants.marginals import NO_CONTEXT, MarginalPlan, PseudoLikelihoodPlan, log_softmax
from worker.engine import Engine

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
GOLDEN = json.loads((TINY / "cases.json").read_text())["scoring"]
PARENT = GOLDEN["parent"]
VARIANTS = [read_variant(code, PARENT) for code in GOLDEN["variants"]]
CONTEXTS = {"none": NO_CONTEXT, "two": tuple(tuple(joined.split(",")) for joined in GOLDEN["contexts"].values())}
METHODS = {"masked_marginal": "masked_marginal", "wildtype_marginal": "wildtype_marginal"}
SHORT = "MKTAYIAKQRQ"
HOMOLOGS = (("MKTAYLAK", "MRTAY"), ("MKSAYIAKQ",), ("MKT",))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(TINY)


@pytest.fixture(scope="module")
def run(engine):
    return lambda queries: [encoding.logits for encoding in engine.encode(list(queries))]


@pytest.mark.parametrize("case", GOLDEN["scores"])
def test_golden_scores(run, case):
    method, contexts, reduction = case.split(".")
    plan = MarginalPlan.of(METHODS[method], PARENT, VARIANTS, CONTEXTS[contexts])
    scores = plan.table(run(plan.queries())).score(VARIANTS)
    found = {}
    for n, name in enumerate(GOLDEN["variants"]):
        found[name, "mean"] = scores.mean[n]
        found |= {
            (name, context): scores.by_context[c, n]
            for c, context in enumerate(GOLDEN["contexts"])
            if c < len(scores.by_context)
        }
    expected = GOLDEN["scores"][case]
    assert len(expected) == len(VARIANTS) * (2 if reduction == "none" else 1)
    for row in expected:
        assert found[row["id"], row["context_id"]] == pytest.approx(row["score"], abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("contexts", [NO_CONTEXT, HOMOLOGS], ids=["alone", "three"])
def test_a_scan_is_the_score_of_all_singles(run, method, contexts):
    singles = single_variants(SHORT)
    plan = MarginalPlan.of(method, SHORT, singles, contexts)
    table = plan.table(run(plan.queries()))
    scores = table.score(singles)
    scan, spread = table.scan(), table.scan_spread()
    assert scan.shape == (len(SHORT), 20)
    for variant, mean, deviation in zip(singles, scores.mean, scores.spread, strict=True):
        (mutation,) = variant.mutations
        column = CANONICAL.index(mutation.mutant)
        assert scan[mutation.position - 1, column] == pytest.approx(mean, abs=1e-12)
        assert spread[mutation.position - 1, column] == pytest.approx(deviation, abs=1e-12)
    for position, letter in enumerate(SHORT):
        assert scan[position, CANONICAL.index(letter)] == 0


def test_masked_marginals_by_hand(engine):
    plan = MarginalPlan.of("masked_marginal", SHORT, [read_variant("K2W:A4C", SHORT)], HOMOLOGS[:2])
    table = plan.table([encoding.logits for encoding in engine.encode(list(plan.queries()))])
    by_hand = []
    for context in HOMOLOGS[:2]:
        score = 0.0
        for position, wild, mutant in ((1, "K", "W"), (3, "A", "C")):
            masked = SHORT[:position] + "?" + SHORT[position + 1 :]
            (encoding,) = engine.encode([Query(masked, context, (), frozenset({"logits"}))])
            row = encoding.logits[position].astype(np.float64)
            score += row[CANONICAL.index(mutant)] - row[CANONICAL.index(wild)]
        by_hand.append(score)
    scores = table.score([read_variant("K2W:A4C", SHORT)])
    np.testing.assert_allclose(scores.by_context[:, 0], by_hand, atol=1e-4)
    assert scores.mean[0] == pytest.approx(np.mean(by_hand), abs=1e-4)
    assert scores.spread[0] == pytest.approx(np.std(by_hand), abs=1e-4)


def test_a_plan_asks_for_mutated_positions_only_and_context_by_context():
    variants = [read_variant(code, SHORT) for code in ("A4T", "A4G:K2R", "WT", "Q11A")]
    masked = MarginalPlan.of("masked_marginal", SHORT, variants, HOMOLOGS)
    queries = list(masked.queries())
    assert masked.positions == (1, 3, 10)
    assert len(masked) == len(queries) == 9
    assert [query.context for query in queries[:4]] == [HOMOLOGS[0]] * 3 + [HOMOLOGS[1]]
    assert [query.positions for query in queries[:3]] == [(1,), (3,), (10,)]
    assert queries[1].sequence == "MKT?YIAKQRQ"
    assert all(query.include == {"logits"} and query.sequence.count("?") == 1 for query in queries)
    wildtype = MarginalPlan.of("wildtype_marginal", SHORT, variants, HOMOLOGS)
    assert [(query.sequence, query.positions) for query in wildtype.queries()] == [(SHORT, (1, 3, 10))] * 3
    with pytest.raises(IndexError):
        wildtype.query(3)


@pytest.mark.parametrize("method", METHODS)
def test_the_parent_scores_zero_and_needs_nothing(method):
    plan = MarginalPlan.of(method, SHORT, [Variant()], HOMOLOGS)
    assert list(plan.queries()) == []
    scores = plan.table([]).score([Variant()])
    assert scores.mean.tolist() == scores.spread.tolist() == [0.0]
    assert scores.by_context.shape == (3, 1)


def test_missing_and_left_over_rows_are_noticed(run):
    plan = MarginalPlan.of("masked_marginal", SHORT, single_variants(SHORT))
    logits = run(plan.queries())
    with pytest.raises(ValueError, match="contexts and"):
        plan.table(logits[:-1])
    with pytest.raises(ValueError, match="contexts and"):
        plan.table([*logits, logits[0]])
    with pytest.raises(KeyError):
        MarginalPlan.of("masked_marginal", SHORT, [read_variant("A4T", SHORT)]).table(logits[3:4]).score(
            [read_variant("K2R", SHORT)]
        )
    with pytest.raises(ValueError, match="empty list"):
        MarginalPlan.of("masked_marginal", SHORT, [], ())


@pytest.mark.parametrize("contexts", [NO_CONTEXT, HOMOLOGS], ids=["alone", "three"])
def test_pseudo_log_likelihood_by_hand(engine, run, contexts):
    plan = PseudoLikelihoodPlan(SHORT, contexts)
    scores = plan.score(run(plan.queries()))
    by_hand = []
    for context in contexts:
        total = 0.0
        for position, letter in enumerate(SHORT):
            masked = SHORT[:position] + "?" + SHORT[position + 1 :]
            (encoding,) = engine.encode([Query(masked, context, (), frozenset({"logits"}))])
            row = encoding.logits[position].astype(np.float64)
            total += row[CANONICAL.index(letter)] - np.log(np.exp(row).sum())
        by_hand.append(total)
    np.testing.assert_allclose(scores.by_context[:, 0], by_hand, atol=1e-4)
    assert scores.mean[0] == pytest.approx(np.mean(by_hand), abs=1e-4)
    assert scores.spread[0] == pytest.approx(np.std(by_hand), abs=1e-4)
    assert len(plan) == len(SHORT) * len(contexts)


def test_pseudo_log_likelihood_needs_canonical_residues_and_all_rows(run):
    with pytest.raises(InvalidInput, match="X at position 2"):
        PseudoLikelihoodPlan("MXT")
    plan = PseudoLikelihoodPlan("MKT")
    with pytest.raises(ValueError, match="masked positions"):
        plan.score(run(plan.queries())[:2])


def test_log_softmax_is_float64_and_survives_large_logits():
    logits = np.array([[1000.0, 0.0], [-1000.0, -1000.0]], dtype=np.float32)
    found = log_softmax(logits)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [[0.0, -1000.0], [-np.log(2), -np.log(2)]])
