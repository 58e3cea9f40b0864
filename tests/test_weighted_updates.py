"""Updates of weighted data are those of the weighted divergence, and lower it."""

from functools import partial

import numpy as np
import pytest
import reference_factorization as reference
from problems import every_backend, every_beta
from weighted_models import (
    BANDS,
    MODELS,
    RANKS,
    SIZES,
    data,
    gaps,
    left,
    objective,
    start,
)

from musaic_core.lowrank import (
    Smoothness,
    Sparsity,
    beta_divergence,
    convolutive_nmf,
    harmonic_nmf,
    ncp,
    nmf,
    ntd,
)


@every_beta
@every_backend
def test_nmf_takes_the_weighted_references_steps(beta, backend):
    V, w = data("nmf")
    W, H = start((9, 3), (3, 56))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = nmf(V, 3, init=(W, H), max_iter=3, **options)
    for _ in range(3):
        H = reference.mu_step(V, W, H, beta, weights=w)
        W = reference.mu_step(V.T, H.T, W.T, beta, weights=w.T).T
    np.testing.assert_allclose(model.activations, H, 1e-9)
    np.testing.assert_allclose(model.templates, W, 1e-9)


@every_beta
@every_backend
def test_ncp_takes_the_weighted_references_steps(beta, backend):
    V, w = data()
    factors = start(*((n, 3) for n in SIZES))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = ncp(V, 3, init=factors, max_iter=2, **options)
    for _ in range(2):
        for mode in range(3):
            factors[mode] = reference.cp_mu_step(V, factors, mode, beta, w)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-9)


@every_beta
@every_backend
def test_ntd_takes_the_weighted_references_steps(beta, backend):
    V, w = data()
    *factors, core = start(*zip(SIZES, RANKS, strict=True), RANKS)
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = ntd(V, RANKS, init=[*factors, core], max_iter=2, **options)
    for _ in range(2):
        for mode in range(3):
            factors[mode] = reference.tucker_mu_step(V, core, factors, mode, beta, w)
        core = reference.tucker_mu_step(V, core, factors, "core", beta, w)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-9)
    np.testing.assert_allclose(model.core, core, 1e-9)


@every_beta
@every_backend
def test_convolutive_nmf_takes_the_weighted_references_steps(beta, backend):
    V, w = data("convolutive")
    W, H = start((9, 2, 3), (2, 56))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = convolutive_nmf(V, 2, 3, init=(W, H), max_iter=2, **options)
    for _ in range(2):
        model_of = partial(reference.convolution, W)
        H = reference.linear_mu_step(V, model_of, H, beta, w)
        model_of = partial(lambda patches, H: reference.convolution(patches, H), H=H)
        W = reference.linear_mu_step(V, model_of, W, beta, w)
    np.testing.assert_allclose(model.activations, H, 1e-9)
    np.testing.assert_allclose(model.patches, W, 1e-9)


@every_beta
@every_backend
def test_harmonic_nmf_takes_the_weighted_references_steps(beta, backend):
    V, w = data("harmonic")
    E, H = start((4, 3), (4, 56))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = harmonic_nmf(V, BANDS, init=(E, H), max_iter=2, **options)
    for _ in range(2):
        W = (BANDS * E).sum(-1)
        H = reference.mu_step(V, W, H, beta, weights=w)
        model_of = partial(lambda E, H: (BANDS * E).sum(-1) @ H, H=H)
        E = reference.linear_mu_step(V, model_of, E, beta, w)
    np.testing.assert_allclose(model.activations, H, 1e-9)
    np.testing.assert_allclose(model.envelope, E, 1e-9)


@every_beta
@pytest.mark.parametrize(
    "name", [n for n in MODELS if n != "multilayer"]
)  # which has none
def test_the_weighted_objective_never_rises(name, beta):
    V, w = data(name)
    found = []

    def note(iteration, model):
        found.append(objective(V, w, beta, model))

    MODELS[name](V, data_weights=w, beta=beta, seed=0, max_iter=25, callback=note)
    rises = np.diff(found) / found[0]
    assert rises.max() < 1e-10
    assert found[-1] < found[0]


@pytest.mark.parametrize("penalty", [Sparsity(0.1), Smoothness(0.1)])
@every_beta
def test_the_weighted_and_penalised_objective_never_rises(beta, penalty):
    V, w = data("nmf")
    found = []

    def note(iteration, model):
        H = model.activations
        if isinstance(penalty, Sparsity):
            H = H * (model.templates**2).sum(0)[:, None] ** 0.5
            value = penalty.weight * H.sum()
        else:
            value = penalty.value(H)
        found.append(left(V, model.reconstruct(), beta, w) + value)

    penalties = {"activations": penalty}
    options = {"data_weights": w, "penalties": penalties, "callback": note}
    nmf(V, 3, beta=beta, seed=0, max_iter=25, **options)
    assert np.diff(found).max() < 1e-10 * found[0]


@pytest.mark.parametrize("name", ["nmf", "ncp", "ntd"])
@pytest.mark.parametrize("make", [data, gaps])
def test_hals_lowers_weighted_squares_at_every_iteration(name, make):
    V, w = make(name)
    found = []

    def note(iteration, model):
        found.append(beta_divergence(V, model.reconstruct(), 2, w))

    options = {"data_weights": w, "beta": 2, "seed": 0, "callback": note}
    MODELS[name](V, update="hals", max_iter=100, **options)
    assert np.diff(found).max() < 1e-10 * found[0]


@pytest.mark.parametrize("name", ["nmf", "ncp", "ntd"])
@pytest.mark.parametrize("beta", [0.5, 1, 1.5, 2])
@pytest.mark.parametrize("update", ["mu-extrapolated", "hals-mu"])
def test_faster_updates_end_no_higher_than_the_multiplicative_one(name, beta, update):
    V, w = gaps(name)
    options = {"data_weights": w, "beta": beta, "seed": 0, "max_iter": 100}
    slow, fast = (
        left(V, MODELS[name](V, update=u, **options).reconstruct(), beta, w)
        for u in ("mu", update)
    )
    assert fast < 1.05 * slow


@pytest.mark.parametrize("update", ["mu", "mu-extrapolated", "hals-mu"])
def test_backends_agree_on_weighted_data(update):
    for name in ("nmf", "ncp", "ntd"):
        V, w = data(name)
        options = {"data_weights": w, "update": update, "seed": 0, "max_iter": 30}
        first, *others = (
            MODELS[name](V, backend=backend, **options).reconstruct()
            for backend in ("c", "numpy", "torch")
        )
        for other in others:
            np.testing.assert_allclose(other, first, 1e-6, 1e-12)
