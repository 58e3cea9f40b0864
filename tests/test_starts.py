"""Starts by name: what the papers define, and columns that span the others."""

import numpy as np
import pytest
from sklearn.decomposition import _nmf as peer

from musaic_core.lowrank import beta_divergence, ncp, nmf, ntd, snpa, spa
from musaic_core.lowrank.separable import _projected
from musaic_core.lowrank.starts import INITIALISATIONS, _truncated_svd, nndsvd


def separable(seed=0, shape=(30, 80), rank=5, noise=0.0):
    """Data of which those columns are what all others are mixtures of."""
    rng = np.random.default_rng(seed)
    columns = rng.choice(shape[1], rank, replace=False)
    H = rng.dirichlet(np.ones(rank), shape[1]).T
    H[:, columns] = np.eye(rank)
    V = rng.random((shape[0], rank)) @ H * rng.uniform(0.5, 20, shape[1])
    V *= 1 + noise * rng.standard_normal(shape)
    return V, sorted(columns.tolist())


@pytest.mark.parametrize("variant", ["nndsvd", "nndsvda", "nndsvdar"])
def test_the_svd_variants_are_scikit_learns_but_for_random_numbers(variant):
    V = np.random.default_rng(0).gamma(0.5, 1, (20, 15))
    W, H = nndsvd(V, 6, np.random.default_rng(1), variant)
    theirs = peer._initialize_nmf(V, 6, init=variant, random_state=0)
    with_zeros = peer._initialize_nmf(V, 6, init="nndsvd", random_state=0)
    for ours, other, kept in zip((W, H), theirs, with_zeros, strict=True):
        zero = kept == 0
        assert zero.any()
        np.testing.assert_allclose(ours[~zero], other[~zero], 1e-6)
        assert (ours > 0).all()
        if variant == "nndsvda":
            np.testing.assert_allclose(ours[zero], V.mean())
        elif variant == "nndsvdar":
            assert ours[zero].mean() == pytest.approx(V.mean() * 0.008, rel=0.3)
        else:
            assert ours[zero].max() < 0.2 * (V.mean() / 6) ** 0.5


@pytest.mark.parametrize("shape", [(12, 5000), (5000, 12)])
def test_the_svd_of_a_long_matrix_is_the_svd(shape):
    X = np.random.default_rng(0).gamma(0.5, 1, shape)
    U, S, Vt = np.linalg.svd(X, full_matrices=False)
    ours = _truncated_svd(X, 6, np.random.default_rng(0))
    np.testing.assert_allclose(ours[1], S[:6], 1e-10)
    np.testing.assert_allclose(abs((ours[0] * U[:, :6]).sum(0)), 1, 1e-10)
    np.testing.assert_allclose(abs((ours[2] * Vt[:6]).sum(1)), 1, 1e-10)
    for silent in (0 * X, np.outer(X[:, 0], X[0])):  # less than six components
        assert all(np.isfinite(part).all() for part in _truncated_svd(silent, 6, None))


@pytest.mark.parametrize("choose", [spa, snpa])
@pytest.mark.parametrize("seed", range(4))
def test_the_columns_of_separable_data_are_found(choose, seed):
    for noise in (0, 1e-3):
        V, columns = separable(seed, noise=noise)
        assert sorted(choose(V, 5)) == columns
        assert sorted(choose((1e6 * V).astype(np.float32), 5)) == columns


def test_nonnegative_projections_choose_more_columns_than_there_are_rows():
    # the corners of a square on a plane in three dimensions
    corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1], [1.5, 1, 1, 0.5]]) + 0.2
    rng = np.random.default_rng(0)
    V = np.concatenate([corners, corners @ rng.dirichlet(np.ones(4), 20).T], axis=1)
    assert sorted(snpa(V, 4)) == [0, 1, 2, 3]
    assert len(spa(V, 4)) == 3


@pytest.mark.parametrize("choose", [spa, snpa])
def test_no_column_is_chosen_that_nothing_is_left_of(choose):
    V = np.outer(np.arange(1.0, 5), np.arange(1.0, 8))
    assert len(choose(V, 3)) == 1
    assert len(choose(np.zeros((4, 5)), 3)) == 0
    quiet = np.concatenate([V, 1e-6 * np.eye(4)], axis=1)  # noise in silence
    assert choose(quiet, 3).max() < 7
    with pytest.raises(ValueError, match="negative"):
        choose(-V, 2)
    with pytest.raises(ValueError, match="V has 3 axes"):
        choose(V[None], 2)


def test_projections_end_on_the_simplex():
    H = np.random.default_rng(0).normal(0, 2, (6, 200))
    found = _projected(H.copy())
    assert found.min() >= 0
    assert found.sum(0).max() <= 1 + 1e-12
    # nothing else on the simplex is nearer
    others = np.random.default_rng(1).dirichlet(np.ones(7), (500, 200))[..., :6]
    far = ((others - H.T) ** 2).sum(-1).min(0)
    assert (((found - H) ** 2).sum(0) <= far + 1e-12).all()


@pytest.mark.parametrize("init", ["nndsvd", "nndsvda", "nndsvdar", "spa", "snpa"])
def test_starts_from_the_data_are_nearer_to_it_than_chance(init):
    V, _ = separable(noise=0.1)
    V = np.maximum(V, 0)
    near, far = (
        beta_divergence(V, nmf(V, 5, init=how, seed=0, max_iter=3).reconstruct())
        for how in (init, "random")
    )
    assert near < 0.7 * far


@pytest.mark.parametrize("init", INITIALISATIONS)
def test_every_start_can_move_everywhere(init):
    V = np.random.default_rng(0).random((7, 6)) * (np.arange(6) > 1)
    model = nmf(V, 9, init=init, seed=0, max_iter=0)  # more than rows and columns
    assert model.templates.min() > 0
    assert model.activations.min() > 0
    T = np.random.default_rng(0).random((7, 6, 5))
    for factor in ncp(T, 8, init=init, seed=0, max_iter=0).factors:
        assert factor.min() > 0
    tucker = ntd(T, (3, 6, 2), init=init, seed=0, max_iter=0)
    assert min(factor.min() for factor in [*tucker.factors, tucker.core]) > 0
