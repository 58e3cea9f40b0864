"""Robust NMF: its steps, descent, special cases, and what it keeps apart."""

import numpy as np
import pytest
import reference_factorization as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data, every_beta

from musaic_core.lowrank import Sparsity, beta_divergence, nmf, robust_nmf


def start(seed=1):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) + 0.1 for shape in ((12, 3), (3, 20), (12, 20))]


def norms(outliers):
    return np.linalg.norm(outliers, axis=0).sum()


@every_beta
def test_without_a_weight_the_steps_are_the_references(beta):
    V = data() + 0.1
    W, H, R = start()
    model = robust_nmf(V, 3, 0, beta=beta, init=(W, H, R), max_iter=3)
    step = reference.linear_mu_step
    for _ in range(3):
        H = step(V, lambda block: W @ block + R, H, beta)  # noqa: B023
        W = step(V, lambda block: block @ H + R, W, beta)  # noqa: B023
        R = step(V, lambda block: W @ H + block, R, beta)  # noqa: B023
    np.testing.assert_allclose(model.templates, W, 1e-8)
    np.testing.assert_allclose(model.activations, H, 1e-8)
    np.testing.assert_allclose(model.outliers, R, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), W @ H, 1e-8)


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    weight=st.sampled_from([0.0, 0.1, 10.0]),
    fixed=st.sets(
        st.sampled_from(["templates", "activations", "outliers"]), max_size=2
    ),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_the_objective_never_rises(beta, weight, fixed, dtype, weighted, seed, scale):
    V = (scale * data(seed=seed)).astype(dtype)
    history = robust_nmf(
        V,
        3,
        weight * scale ** (beta - 1),
        beta=beta,
        fixed=fixed,
        data_weights=np.random.default_rng(seed).random(V.shape) if weighted else None,
        seed=seed,
        max_iter=12,
        history=True,
    ).history
    level = beta_divergence(V, np.full_like(V, V.mean()), beta) + V.sum()
    precision = 1e-5 if dtype == np.float32 else 1e-9
    assert np.diff(history).max() <= precision * (level + history[0])


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_the_objective_is_the_divergence_and_the_norms(beta):
    V = 1e6 * data()
    penalty = {"activations": Sparsity(0.3)}
    model = robust_nmf(V, 3, 0.7, beta=beta, penalties=penalty, seed=0, max_iter=5)
    W, H, R = model.templates, model.activations, model.outliers
    expected = beta_divergence(V, W @ H + R, beta) + 0.7 * norms(R)
    expected += 0.3 * (np.linalg.norm(W, axis=0) * H.sum(1)).sum()
    np.testing.assert_allclose(model.objective, expected)


@every_beta
def test_without_outliers_it_is_plain_nmf(beta):
    W, H, R = start()
    for update in ("mu", "mu-extrapolated"):
        options = {"beta": beta, "update": update, "max_iter": 10}
        plain = nmf(data(), 3, init=(W, H), **options)
        model = robust_nmf(data(), 3, 1.0, init=(W, H, 0 * R), **options)
        np.testing.assert_allclose(model.reconstruct(), plain.reconstruct(), 1e-10)
        assert (model.outliers == 0).all()


def test_a_large_weight_leaves_no_outliers():
    model = robust_nmf(data(), 3, 1e3, seed=0, max_iter=100)
    assert norms(model.outliers) < 1e-6 * norms(data())


@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_scale_of_the_data_changes_nothing_but_the_scale(beta, dtype):
    V, power = data().astype(dtype), 20 if dtype == "float32" else 100
    expected = robust_nmf(V, 3, 0.5, beta=beta, seed=0, max_iter=20)
    weight = 0.5 * 2.0 ** (power * (beta - 1))
    other = np.ldexp(V, power)
    model = robust_nmf(other, 3, weight, beta=beta, seed=0, max_iter=20)
    for name in ("reconstruct", "outliers"):
        arrays = [getattr(m, name) for m in (model, expected)]
        found, wanted = (a() if callable(a) else a for a in arrays)
        np.testing.assert_allclose(np.ldexp(found, -power), wanted, 1e-2, 1e-3)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_outlying_columns_are_told_and_the_templates_kept(beta):
    weight = {0: 1, 1: 0.5, 2: 0.3}[beta]
    ratios, found = [], 0
    for seed in range(7):
        rng = np.random.default_rng(seed)
        W, H = rng.gamma(0.3, 1, (40, 4)) + 1e-3, rng.gamma(0.5, 1, (4, 150)) + 1e-2
        clean = W @ H
        struck = rng.choice(150, 15, replace=False)
        noise = np.zeros_like(clean)
        noise[:, struck] = rng.gamma(1, 2 * clean.mean(), (40, 15))
        V = clean + noise + 1e-6
        options = {"beta": beta, "update": "mu-extrapolated", "max_iter": 200}
        model = robust_nmf(V, 4, weight, seed=0, **options)
        plain = nmf(V, 4, seed=0, **options)
        error, of_plain = (
            np.linalg.norm(each.reconstruct() - clean) for each in (model, plain)
        )
        ratios.append(error / of_plain)
        size = np.linalg.norm(model.outliers, axis=0)
        found += len({*np.argsort(size)[-15:]} & {*struck})
    # of 24 draws the median was 0.3, and 0.02 of the columns were missed
    assert np.median(ratios) < 0.6
    assert found >= 0.9 * 7 * 15


def test_tensors_and_silence():
    expected = robust_nmf(data(), 3, 0.5, seed=0, max_iter=5)
    model = robust_nmf(torch.from_numpy(data()), 3, 0.5, seed=0, max_iter=5)
    for name in ("templates", "activations", "outliers"):
        assert isinstance(getattr(model, name), torch.Tensor)
        np.testing.assert_allclose(getattr(model, name), getattr(expected, name), 1e-10)
    V = data().astype(np.float32)
    V[:, :5] = 0
    for beta in BETAS:
        model = robust_nmf(V, 3, 0.5, beta=beta, seed=0, max_iter=20)
        assert model.outliers.dtype == np.float32
        assert np.isfinite(model.reconstruct()).all()
        assert np.isfinite(model.outliers).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((3, 4, 5))}, "V has 3 axes"),
        ({"rank": 0}, "rank"),
        ({"weight": -1}, "weight"),
        ({"weight": np.nan}, "weight"),
        ({"weight": True}, "weight"),
        ({"init": "nndsvd"}, "init"),
        ({"fixed": ("patches",)}, "fixed"),
        ({"update": "hals"}, "update"),
        ({"penalties": {"outliers": Sparsity(1)}}, "penalties"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        robust_nmf(**{"V": data(), "rank": 2, "weight": 1.0, **arguments})
