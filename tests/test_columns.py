"""Separable, convex and orthogonal NMF: their steps, descent, and what they find."""

import numpy as np
import pytest
import torch
from fits import MATRIX
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data, every_backend, every_beta

from musaic_core.lowrank import (
    Sparsity,
    beta_divergence,
    convex_nmf,
    nmf,
    orthogonal_nmf,
    separable_nmf,
)

RNG = np.random.default_rng(2)


def clusters(seed=0, noise=0.01, shape=(15, 60), rank=4):
    """Columns that are each one of a few templates, and which."""
    rng = np.random.default_rng(seed)
    members = rng.integers(rank, size=shape[1])
    W, loudness = rng.gamma(0.5, 1, (shape[0], rank)) + 0.05, rng.gamma(1, 1, shape[1])
    V = W[:, members] * (loudness + 0.05) * rng.gamma(1 / noise, noise, shape)
    return V, members


def same_partition(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return ((a[:, None] == a) == (b[:, None] == b)).all()


# ---- separable


@every_beta
@pytest.mark.parametrize("method", ["spa", "snpa"])
def test_separable_data_is_taken_apart(method, beta):
    rng = np.random.default_rng(0)
    H = rng.dirichlet(np.ones(4), 40).T
    H[:, [3, 8, 20, 31]] = np.eye(4)
    V = (rng.random((15, 4)) + 0.1) @ H * rng.uniform(1, 9, 40)
    model = separable_nmf(V, 4, method=method, beta=beta, max_iter=300, seed=0)
    assert sorted(model.columns) == [3, 8, 20, 31]
    np.testing.assert_array_equal(model.templates, V[:, model.columns])
    error = np.linalg.norm(V - model.reconstruct()) / np.linalg.norm(V)
    assert error < 0.02


def test_the_regression_is_that_of_nmf():
    V = torch.from_numpy(data())
    model = separable_nmf(V, 3, seed=1, max_iter=7, beta=0.5)
    W = V[:, model.columns]
    held = {"init": (W, None), "fixed": ("templates",)}
    plain = nmf(V, 3, seed=1, max_iter=7, beta=0.5, **held)
    torch.testing.assert_close(model.activations, plain.activations)


@pytest.mark.parametrize("beta", [-1, 0, 1, 2, 3])
def test_single_precision_holds_columns_of_any_size(beta):
    V = data()
    options = {"beta": beta, "seed": 0, "max_iter": 50}
    expected = separable_nmf(V, 3, **options)
    for power in (-66, 66):
        scaled = np.ldexp(V, power).astype(np.float32)
        model = separable_nmf(scaled, 3, **options)
        np.testing.assert_array_equal(model.templates, scaled[:, model.columns])
        H = expected.activations
        np.testing.assert_allclose(model.activations, H, 1e-2, 1e-3 * H.max())
        objective = np.ldexp(expected.objective, power * beta)
        assert model.objective == pytest.approx(objective, rel=1e-3)


@pytest.mark.parametrize("method", ["spa", "snpa"])
def test_no_more_columns_are_taken_than_span_the_others(method):
    V = np.repeat(data((9, 3)), 4, 1)  # a short sound: three columns, over and over
    model = separable_nmf(V, 5, method=method, beta=2, update="hals", seed=0)
    assert sorted(column // 4 for column in model.columns) == [0, 1, 2]
    np.testing.assert_allclose(model.reconstruct(), V, 1e-6, 1e-6 * V.max())
    silence = separable_nmf(0 * V, 5, method=method, seed=0)
    assert silence.columns == [0]
    assert not silence.reconstruct().any()


def test_bad_arguments_of_separable_nmf_are_named():
    V = data()
    with pytest.raises(ValueError, match="rank is 0"):
        separable_nmf(V, 0)
    with pytest.raises(ValueError, match="method is 'svd'"):
        separable_nmf(V, 1, method="svd")
    with pytest.raises(ValueError, match="fixed"):
        separable_nmf(V, 1, fixed=("activations",))


# ---- convex


def power(beta):
    return 1 / (2 - beta) if beta < 1 else 1 if beta <= 2 else 1 / (beta - 1)


@every_beta
@every_backend
def test_convex_steps_are_the_references(beta, backend):
    V, rng = data() + 0.1, np.random.default_rng(1)
    G, H = rng.random((20, 3)) + 0.1, rng.random((3, 20)) + 0.1
    model = convex_nmf(V, 3, beta=beta, init=(G, H), max_iter=3, backend=backend)
    for _ in range(3):
        Y = V @ G @ H
        H = H * ((V @ G).T @ (V * Y ** (beta - 2)) / ((V @ G).T @ Y ** (beta - 1))) ** (
            power(beta)
        )
        Y = V @ G @ H
        positive, negative = V.T @ (V * Y ** (beta - 2)) @ H.T, V.T @ Y ** (beta - 1)
        G = G * (positive / (negative @ H.T)) ** power(beta)
    np.testing.assert_allclose(model.activations, H, 1e-8)
    np.testing.assert_allclose(model.mixing, G, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), V @ G @ H, 1e-8)


def test_a_convex_step_goes_on_where_the_papers_stops():
    V, rng = data() + 0.1, np.random.default_rng(1)
    G, H = rng.random((20, 3)) + 0.1, rng.random((3, 20)) + 0.1
    held = {"beta": 2, "init": (G, H), "fixed": ("activations",), "max_iter": 1}
    ours = convex_nmf(V, 3, **held)
    K = V.T @ V
    theirs = G * (K @ H.T / (K @ G @ H @ H.T)) ** 0.5  # Ding's (28), of nonnegative V
    np.testing.assert_allclose(ours.mixing / G, (theirs / G) ** 2)
    after = [np.linalg.norm(V - V @ U @ H) for U in (ours.mixing, theirs, G)]
    assert after[0] < after[1] < after[2]


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    fixed=st.sampled_from([(), ("mixing",), ("activations",)]),
    init=st.sampled_from(["random", "spa", "snpa"]),
    masked=st.booleans(),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 2**31),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_the_convex_divergence_never_rises(
    beta, fixed, init, masked, scale, seed, backend
):
    V, losses = scale * data((9, 14), seed), []
    mask = {"mixing": np.random.default_rng(seed).random((14, 4)) < 0.9}

    def record(_, model):
        Y = np.maximum(model.reconstruct(), 1e-40 * scale)
        losses.append(beta_divergence(V, Y, beta))

    convex_nmf(
        V,
        4,
        beta=beta,
        fixed=fixed,
        init=init,
        mask=mask if masked and beta > 0 else None,
        seed=seed,
        max_iter=12,
        callback=record,
        backend=backend,
    )
    level = beta_divergence(V, np.full_like(V, V.mean()), beta) + V.sum()
    assert np.diff(losses).max() <= 1e-9 * (level + losses[0])


def test_a_penalised_convex_objective_never_rises():
    V, found = data(), []

    def record(_, model):
        lengths = np.linalg.norm(model.mixing, axis=0), model.activations.sum(1)
        divergence = beta_divergence(V, model.reconstruct(), 1)
        found.append(divergence + 3 * np.prod(lengths, axis=0).sum())

    penalties = {"activations": Sparsity(3.0)}
    convex_nmf(V, 4, penalties=penalties, seed=0, max_iter=20, callback=record)
    assert np.diff(found).max() <= 1e-9 * found[0]


@every_beta
def test_data_of_any_scale_has_the_same_mixing(beta):
    one, other = (convex_nmf(s * data(), 3, beta=beta, seed=0) for s in (1, 2.0**30))
    np.testing.assert_allclose(one.mixing, other.mixing, 1e-6, 1e-12)
    np.testing.assert_allclose(2.0**30 * one.templates, other.templates, 1e-6)


@pytest.mark.parametrize("init", ["spa", "snpa"])
def test_convex_templates_are_those_of_separable_data(init):
    rng = np.random.default_rng(0)
    H = rng.dirichlet(np.ones(3), 40).T
    H[:, [3, 8, 20]] = np.eye(3)
    W = rng.random((15, 3)) + 0.1
    options = {"update": "mu-extrapolated", "max_iter": 500}
    model = convex_nmf(W @ H, 3, init=init, seed=0, **options)
    assert np.linalg.norm(W @ H - model.reconstruct()) < 0.01 * np.linalg.norm(W @ H)
    assert sorted(model.mixing.argmax(0)) == [3, 8, 20]


def test_bad_arguments_of_convex_nmf_are_named():
    with pytest.raises(ValueError, match="V has 3 axes"):
        convex_nmf(np.ones((2, 3, 4)), 2)
    with pytest.raises(ValueError, match="init"):
        convex_nmf(data(), 2, init="nndsvd")
    with pytest.raises(ValueError, match="update"):
        convex_nmf(data(), 2, update="hals")


# ---- orthogonal


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    init=st.sampled_from(["data", "random", "spa", "nndsvda"]),
    fixed=st.sampled_from([(), ("templates",)]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 2**31),
    backend=st.sampled_from(["c", "numpy", "torch"]),
)
def test_the_orthogonal_divergence_never_rises(beta, init, fixed, scale, seed, backend):
    V, losses = scale * data((9, 14), seed), []

    def record(_, model):
        H = np.asarray(model.activations)
        assert (np.count_nonzero(H, axis=0) <= 1).all()
        losses.append(beta_divergence(V, np.asarray(model.reconstruct()), beta))

    options = {"beta": beta, "init": init, "fixed": fixed, "backend": backend}
    orthogonal_nmf(V, 4, seed=seed, max_iter=8, callback=record, **options)
    assert np.diff(losses).max() <= 1e-9 * losses[0]


@pytest.mark.parametrize("beta", [-2.5, -1, 0])
@pytest.mark.parametrize(("dtype", "room"), [("float32", 1e-6), ("float64", 1e-10)])
def test_the_orthogonal_objective_of_data_with_zeros_never_rises(beta, dtype, room):
    V, rng = data((9, 13)).astype(dtype), np.random.default_rng(0)
    V[rng.random(V.shape) < 0.3] = 0
    V[:, :3] = 0
    options = {"beta": beta, "backend": "numpy", "init": "random", "history": True}
    for seed in range(5):
        model = orthogonal_nmf(V, 4, max_iter=12, seed=seed, **options)
        assert np.diff(model.history).max() <= room * model.history[0]


@every_beta
def test_each_block_is_at_its_minimum(beta):
    V = data()
    model = orthogonal_nmf(V, 3, beta=beta, seed=0, max_iter=5)
    W, H = model.templates, model.activations
    held = {"init": W, "fixed": ("templates",), "max_iter": 1}
    fitting = orthogonal_nmf(V, 3, beta=beta, **held).activations
    for t in (0, 7, 13):  # no template and strength is better
        own = beta_divergence(V[:, t], W @ fitting[:, t], beta)
        for k in range(3):
            for strength in np.geomspace(0.01, 100, 400) * V[:, t].mean():
                other = beta_divergence(V[:, t], W[:, k] * strength, beta)
                assert own <= other + 1e-9
    at = beta_divergence(V, W @ H, beta)
    for change in (0.99, 1.01):
        U = W.copy()
        U[4, 1] *= change
        assert at <= beta_divergence(V, U @ H, beta) + 1e-12


def test_for_the_euclidean_distance_it_is_spherical_k_means():
    V, _ = clusters()
    model = orthogonal_nmf(V, 4, beta=2, seed=0, max_iter=50)
    W = model.templates / np.linalg.norm(model.templates, axis=0)
    np.testing.assert_array_equal(model.members, (W.T @ V).argmax(0))
    for k in range(4):
        mine = V[:, model.members == k]
        first = np.abs(np.linalg.svd(mine)[0][:, 0])
        np.testing.assert_allclose(W[:, k], first, atol=1e-6)


@every_beta
def test_clusters_are_found_whatever_the_loudness(beta):
    V, members = clusters()
    model = orthogonal_nmf(V, 4, beta=beta, init="spa", seed=0, max_iter=30)
    assert same_partition(model.members, members)
    gram = model.activations @ model.activations.T
    assert not (gram - np.diag(np.diag(gram))).any()
    assert model.n_parameters == 4 * 15 + 2 * 60
    np.testing.assert_allclose(model.templates.mean(0), 1)


@every_beta
def test_silence_and_extremes_are_finite(beta):
    V = clusters()[0]
    V[:, :3] = V[2] = 0
    for array in (V, V.astype(np.float32), 1e-30 * V, 1e30 * V, 0 * V):
        model = orthogonal_nmf(array, 4, beta=beta, seed=0, max_iter=5)
        assert np.isfinite(model.templates).all()
        assert np.isfinite(model.activations).all()


@pytest.mark.parametrize("beta", [1, 2, 3])
def test_the_start_has_one_component_a_column_and_is_no_better_than_the_end(beta):
    for seed in range(9):
        V = np.random.default_rng(seed).poisson(0.7, (11, 13))
        options = {"beta": beta, "seed": seed}
        start = orthogonal_nmf(V, 3, max_iter=0, **options)
        assert (start.activations > 0).sum(0).max() == 1
        end = orthogonal_nmf(V, 3, max_iter=1, **options)
        assert end.objective <= start.objective * (1 + 1e-12)


def test_templates_can_be_given_and_held():
    V, members = clusters()
    W = np.stack([V[:, members == k].mean(1) for k in range(4)], axis=1)
    held = orthogonal_nmf(V, 4, init=W, fixed=("templates",), max_iter=1)
    np.testing.assert_array_equal(held.templates, W)
    np.testing.assert_array_equal(held.members, members)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"V": np.ones((2, 3, 4))}, "V has 3 axes"),
        ({"mask": {"templates": np.ones((12, 2))}}, "mask"),
        ({"penalties": {"activations": Sparsity(1.0)}}, "penalties"),
        ({"update": "hals"}, "update"),
        ({"fixed": ("activations",)}, "fixed"),
        ({"init": "svd"}, "init"),
    ],
)
def test_bad_arguments_of_orthogonal_nmf_are_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        orthogonal_nmf(**{"V": data(), "rank": 2, **wrong})


# ---- how fits end, and what they leave out


@pytest.mark.parametrize("beta", [0, 1, 2, 3])
def test_convex_fits_mind_weights_and_go_on(beta):
    weights = RNG.random(MATRIX.shape) < 0.8
    options = {"beta": beta, "data_weights": weights}
    whole = convex_nmf(MATRIX, 3, seed=0, max_iter=20, history=True, **options)
    assert np.diff(whole.history).max() <= 1e-9 * abs(whole.history[0])
    expected = beta_divergence(MATRIX, whole.reconstruct(), beta, weights)
    assert whole.objective == pytest.approx(expected, rel=1e-9)
    half = convex_nmf(MATRIX, 3, seed=0, max_iter=10, **options)
    rest = convex_nmf(MATRIX, 3, init=half, max_iter=10, **options)
    np.testing.assert_allclose(rest.reconstruct(), whole.reconstruct(), 1e-9)


@pytest.mark.parametrize("beta", [0, 1, 2, 3])
def test_orthogonal_fits_end_where_they_are_stationary(beta):
    model = orthogonal_nmf(MATRIX, 3, beta=beta, max_iter=50)
    assert model.kkt_residual < 1e-6
    rest = orthogonal_nmf(MATRIX, 3, beta=beta, init=model, max_iter=1)
    assert rest.objective == pytest.approx(model.objective)
    with pytest.raises(ValueError, match="orthogonal activations"):
        orthogonal_nmf(MATRIX, 3, beta=beta, epsilon=1e-3)


@pytest.mark.parametrize("beta", [-0.5, 0, 0.5, 1, 1.5, 2, 3])
def test_orthogonal_fits_leave_missing_entries_out(beta):
    """A column of which parts are missing still finds the one template it is of."""
    rng = np.random.default_rng(2)
    members = rng.integers(0, 3, 40)
    V = (rng.random((12, 3)) + 0.1)[:, members] * (rng.random(40) + 0.5)
    V[rng.random(V.shape) < 0.3] = np.nan
    model = orthogonal_nmf(V, 3, beta=beta, missing="nan", n_starts=5, seed=0)
    for component in range(3):
        assert len(set(members[model.members == component])) == 1
    heard = ~np.isnan(V)
    np.testing.assert_allclose(model.reconstruct()[heard], V[heard], 1e-6)


def test_a_separable_fit_leaves_missing_entries_out():
    there = RNG.random(MATRIX.shape) < 0.8
    V = np.where(there, MATRIX, np.nan)
    model = separable_nmf(V, 3, missing="nan", seed=0)
    expected = beta_divergence(MATRIX, model.reconstruct(), 1, there)
    assert model.objective == pytest.approx(expected)
