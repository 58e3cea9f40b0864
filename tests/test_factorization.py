"""The factorizations: what they minimise, that it falls, and what they refuse."""

import numpy as np
import pytest
import reference_factorization as reference
from factorizations import RANKS, every_model, matrix, run, start, tensor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, every_beta

from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.updates import HALSThenMU

# ---- the updates are the papers'


@every_beta
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_nmf_takes_the_references_steps(beta, backend):
    V = matrix() + 0.1
    rng = np.random.default_rng(1)
    W, H = rng.random((40, 5)), rng.random((5, 30))
    model = nmf(V, 5, beta=beta, init=(W, H), max_iter=3, backend=backend)
    for _ in range(3):
        H = reference.mu_step(V, W, H, beta)
        W = reference.mu_step(V.T, H.T, W.T, beta).T
    np.testing.assert_allclose(model.activations, H, 1e-8)
    np.testing.assert_allclose(model.templates, W, 1e-8)


@every_beta
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_ncp_takes_the_references_steps(beta, backend):
    V, factors = tensor() + 0.1, start((3, 3, 3))
    model = ncp(V, 3, beta=beta, init=factors, max_iter=3, backend=backend)
    for _ in range(3):
        for mode in range(3):
            factors[mode] = reference.cp_mu_step(V, factors, mode, beta)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), reference.cp(factors), 1e-8)


@every_beta
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_ntd_takes_the_references_steps(beta, backend):
    V, factors = tensor() + 0.1, start(RANKS)
    core = np.random.default_rng(2).random(RANKS) + 0.1
    model = ntd(V, RANKS, beta=beta, init=[*factors, core], max_iter=3, backend=backend)
    for _ in range(3):
        for mode in range(3):
            factors[mode] = reference.tucker_mu_step(V, core, factors, mode, beta)
        core = reference.tucker_mu_step(V, core, factors, "core", beta)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-8)
    np.testing.assert_allclose(model.core, core, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), reference.tucker(core, factors))


def test_beta_divergence_is_the_reference_and_continuous_in_beta():
    rng = np.random.default_rng(0)
    V, Y = rng.random((20, 10)) + 0.1, rng.random((20, 10)) + 0.1
    for beta in BETAS:
        expected = reference.divergence(V, Y, beta)
        assert beta_divergence(V, Y, beta) == pytest.approx(expected)
        assert beta_divergence(V, Y, beta + 1e-7) == pytest.approx(expected, rel=1e-4)
        assert beta_divergence(V, V, beta) == 0
    V[0, 0] = 0
    assert np.isfinite(beta_divergence(V, Y, 1))
    assert beta_divergence(V, Y, 0) == np.inf
    assert beta_divergence(Y, V, 1) == np.inf


# ---- what holds for any data

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6))


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    shape=shapes,
    beta=st.sampled_from(BETAS) | st.integers(-15, 35).map(lambda tenths: tenths / 10),
    seed=st.integers(0, 2**31),
    zeros=st.sampled_from([0.0, 0.2]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_nmf_never_raises_the_divergence(shape, beta, seed, zeros, scale, backend):
    rng = np.random.default_rng(seed)
    V = scale * rng.gamma(0.5, 1, shape[:2])
    if beta >= 0.5:  # below, data with zeros is at an infinite distance, or nearly
        V[rng.random(V.shape) < zeros] = 0
    check_descent(nmf, V, shape[2], beta, seed, backend)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    beta=st.sampled_from(BETAS),
    seed=st.integers(0, 2**31),
    is_tucker=st.booleans(),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_tensor_models_never_raise_the_divergence(
    shape, beta, seed, is_tucker, backend
):
    V = np.random.default_rng(seed).gamma(0.5, 1, shape)
    if is_tucker:
        check_descent(ntd, V, (2, 3, 2), beta, seed, backend)
    else:
        check_descent(ncp, V, 3, beta, seed, backend)


def check_descent(factorize, V, rank, beta, seed, backend, **options):
    losses = []

    def record(_, model):
        losses.append(beta_divergence(V, model.reconstruct(), beta))

    factorize(
        V,
        rank,
        beta=beta,
        seed=seed,
        max_iter=12,
        callback=record,
        backend=backend,
        **options,
    )
    assert np.isfinite(losses[-1])
    scale = beta_divergence(V, np.full_like(V, V.mean() + 1e-300), beta) + V.sum()
    assert np.diff(losses).max() <= 1e-9 * (scale + losses[0])


@every_model
def test_hals_never_raises_the_divergence(name):
    losses = []

    def record(_, model):
        V = tensor().reshape(model.reconstruct().shape)
        losses.append(beta_divergence(V, model.reconstruct(), 2))

    run(name, tensor(), beta=2, update="hals", callback=record, seed=0)
    assert np.diff(losses).max() <= 1e-9 * losses[0]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_beta
def test_extreme_scales_change_nothing_but_the_scale(dtype, beta):
    V = matrix(dtype=dtype)
    expected = nmf(V, 3, beta=beta, seed=0, max_iter=30)
    powers = (-100, 60, 110) if dtype == "float32" else (-900, 500, 900)
    for power in powers:
        model = nmf(np.ldexp(V, power), 3, beta=beta, seed=0, max_iter=30)
        found = np.ldexp(model.templates.astype(float), -power) @ model.activations
        np.testing.assert_allclose(found, expected.reconstruct(), 1e-2, 1e-3)


@pytest.mark.parametrize(
    ("beta", "update", "n"),
    [
        (1, "mu", 2000),
        (1, "mu-extrapolated", 500),
        (1, "hals-mu", 300),
        (2, "hals", 300),
    ],
)
def test_exactly_factorable_data_is_recovered(beta, update, n):
    V = matrix()
    model = nmf(V, 3, beta=beta, update=update, seed=0, max_iter=n)
    error = np.linalg.norm(V - model.reconstruct()) / np.linalg.norm(V)
    assert error < 5e-3


@every_model
def test_faster_updates_are_faster(name):
    V = tensor().reshape(len(tensor()), -1) if name == "nmf" else tensor()
    plain, *fast = (
        run(name, V, beta=1, update=update, seed=0, max_iter=60).reconstruct()
        for update in ("mu", "mu-extrapolated", "hals-mu")
    )
    for model in fast:
        assert beta_divergence(V, model, 1) < beta_divergence(V, plain, 1)


@pytest.mark.parametrize("beta", [0, 0.5, 1, 2])
def test_weighted_hals_is_hals_on_scaled_data(beta):
    V = matrix() + 0.1
    rng = np.random.default_rng(1)
    W, H = rng.random((40, 5)), rng.random((5, 30))
    rows, columns = (V.mean(axis, keepdims=True) ** (beta / 2 - 1) for axis in (1, 0))
    update = HALSThenMU(n_hals=2, effort=0)
    found = []  # before zeros are lifted at the end

    def record(_, model):
        found[:] = model.templates.copy(), model.activations.copy()

    nmf(V, 5, beta=beta, init=(W, H), update=update, max_iter=2, callback=record)
    X, W, H = rows * V * columns, rows * W, H * columns
    for _ in range(2):
        H = reference.hals_sweep(X, W, H)
        W = reference.hals_sweep(X.T, H.T, W.T).T
    np.testing.assert_allclose(found[1], H / columns, 1e-8, 1e-10)
    np.testing.assert_allclose(found[0], W / rows, 1e-8, 1e-10)


# ---- what is refused

GOOD = np.ones((4, 5))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": -GOOD}, "V"),
        ({"V": GOOD * np.nan}, "V"),
        ({"V": GOOD * np.inf}, "V"),
        ({"V": GOOD[:0]}, "V"),
        ({"V": GOOD[0]}, "V"),
        ({"V": GOOD * 1j}, "V"),
        ({"V": [["a"]]}, "V"),
        ({"rank": 0}, "rank"),
        ({"rank": 1.5}, "rank"),
        ({"rank": True}, "rank"),
        ({"beta": "KL"}, "beta"),
        ({"beta": float("nan")}, "beta"),
        ({"beta": None}, "beta"),
        ({"init": "svd"}, "init"),
        ({"init": 3}, "init"),
        ({"init": (np.ones((4, 3)), None)}, "init's templates"),
        ({"init": (-np.ones((4, 2)), None)}, "init's templates"),
        ({"update": "newton"}, "update"),
        ({"update": "hals"}, "hals"),
        ({"fixed": "templates"}, "fixed"),
        ({"fixed": ("core",)}, "fixed"),
        ({"mask": GOOD}, "mask is ndarray; give a dict"),
        ({"mask": {"W": GOOD}}, "mask"),
        ({"mask": {"templates": GOOD}}, "mask"),
        ({"max_iter": -1}, "max_iter"),
        ({"tol": -1.0}, "tol"),
        ({"max_time": "1 s"}, "max_time"),
        ({"backend": "cuda"}, "backend"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        nmf(**{"V": GOOD, "rank": 2, **arguments})


def test_bad_arguments_of_tensor_models_are_named():
    V = tensor()
    for ranks in ((3, 2), 3, (3, 2, 0), None):
        with pytest.raises(ValueError, match="ranks"):
            ntd(V, ranks)
    for model, rank in ((ncp, 3), (ntd, RANKS)):
        with pytest.raises(ValueError, match="V has 1 axes"):
            model(V[0, 0], rank)
        with pytest.raises(ValueError, match="fixed"):
            model(V, rank, fixed=(3,))
        with pytest.raises(ValueError, match="init"):
            model(V, rank, init=[None, None])
