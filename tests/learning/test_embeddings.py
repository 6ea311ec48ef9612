"""Descriptions of mutations by embeddings keep distances under any axes, and are stored with the prior."""

from __future__ import annotations

import numpy as np
import pytest

from e1protocol import CANONICAL
from jobs.learning.embeddings import COMPONENTS, described
from jobs.learning.gaussian import GaussianProcess
from jobs.learning.priors import MEAN, SITE, Tables, no_prior
from jobs.science.variants.codes import Mutation, read_variant, single_variants
from jobs.science.variants.metrics import spearman

PARENT = "MKTAYIAKQRQISFVK"
SINGLES = single_variants(PARENT)
GENERATOR = np.random.default_rng(0)
OWN = GENERATOR.normal(size=24)
VECTORS = OWN + 0.01 * GENERATOR.normal(size=(len(SINGLES), 24))


def rows_of(found, variants):
    return np.array([found[v.mutations[0].position - 1, CANONICAL.index(v.mutations[0].mutant)] for v in variants])


def distances(x):
    return np.sqrt(np.maximum(((x[:, None] - x[None]) ** 2).sum(axis=-1), 0))


def test_distances_are_those_of_the_embeddings_up_to_one_scale():
    found = rows_of(described(PARENT, VECTORS, OWN), SINGLES)
    assert found.shape == (len(SINGLES), 24)
    assert (found * found).sum(axis=1).mean() == pytest.approx(1)
    ratio = distances(found)[0, 1:] / distances(VECTORS)[0, 1:]
    assert ratio == pytest.approx(np.full(len(ratio), ratio[0]))


def test_turned_or_moved_embeddings_are_described_alike():
    turn = np.linalg.qr(GENERATOR.normal(size=(24, 24)))[0]
    plain, turned = (
        rows_of(described(PARENT, (VECTORS + move) @ axes, (OWN + move) @ axes), SINGLES)
        for move, axes in ((0.0, np.eye(24)), (3.0, turn))
    )
    assert distances(turned) == pytest.approx(distances(plain), abs=1e-6)


def test_wide_embeddings_are_cut_to_their_largest_components():
    wide = GENERATOR.normal(size=(len(SINGLES), 200)) * np.linspace(1, 0, 200) ** 4
    found = rows_of(described(PARENT, wide, np.zeros(200)), SINGLES)
    assert found.shape[1] == COMPONENTS
    scale = np.sqrt((found * found).sum()) / np.sqrt(((wide - wide.mean(axis=0)) ** 2).sum())
    assert np.median(distances(found)[0, 1:] / distances(wide)[0, 1:]) == pytest.approx(scale, rel=0.1)


def test_constant_embeddings_describe_nothing():
    assert not described(PARENT, np.ones((len(SINGLES), 24)), np.ones(24)).any()


@pytest.mark.parametrize("spoiled", [VECTORS[:-1], np.where(np.arange(24) == 3, np.nan, VECTORS)])
def test_missing_vectors_and_numbers_are_refused(spoiled):
    with pytest.raises(ValueError, match="finite vectors"):
        described(PARENT, spoiled, OWN)


@pytest.mark.parametrize("profile", [None, np.log(np.full((len(PARENT), 20), 0.05))])
def test_tables_keep_prior_profile_and_embeddings(profile):
    tables = Tables(PARENT, GENERATOR.normal(size=(len(PARENT), 20)), profile, described(PARENT, VECTORS, OWN))
    again = Tables.unpacked(tables.packed(), PARENT)
    assert again.digest == tables.digest
    assert (again.prior == tables.prior).all()
    assert (again.embedded == tables.embedded).all()
    assert again.profile is None if profile is None else (again.profile == profile).all()
    plain = Tables(PARENT, tables.prior, profile)
    assert plain.digest != tables.digest
    assert Tables.unpacked(plain.packed(), PARENT).embedded is None


def test_a_model_learns_what_embeddings_show():
    """The truth is a direction of the embeddings, which residues and BLOSUM62 do not show."""
    truth = (VECTORS - OWN) @ GENERATOR.normal(size=24)
    tables = Tables(PARENT, no_prior(PARENT), None, described(PARENT, VECTORS, OWN))
    order = np.random.default_rng(1).permutation(len(SINGLES))
    chosen, held = ([SINGLES[at] for at in part] for part in (order[:200], order[200:]))
    reached = {}
    for features in (MEAN, SITE):
        fit = GaussianProcess().fit(tables.rows(chosen, features, []), truth[order[:200]])
        reached[features] = spearman(fit.predict(tables.rows(held, features, [])), truth[order[200:]])
    assert reached[MEAN] > 0.8
    assert reached[SITE] < 0.4
    # A double is described by both of its mutations.
    double = tables.rows([read_variant("M1A:K2R", PARENT)], MEAN, [])
    assert set(double.sites) == {Mutation(1, "M", "A"), Mutation(2, "K", "R")}
