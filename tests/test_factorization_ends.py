"""However a run of a factorization ends, it is no worse than its start."""

from functools import partial

import numpy as np
import pytest
from factorizations import SIZES, matrix, run, tensor

from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd


def test_stopping_rules():
    V = matrix()
    assert nmf(V, 3, max_iter=0, seed=0).n_iter == 0
    assert nmf(V, 3, max_iter=7, seed=0).n_iter == 7
    assert nmf(V, 3, max_iter=10**6, max_time=0.01, seed=0).n_iter < 10**6
    assert nmf(V, 3, max_iter=10**6, tol=1e-3, seed=0).n_iter % 10 == 0
    assert nmf(V, 3, callback=lambda n, model: n == 4, seed=0).n_iter == 4


def noisy_product():
    """Data that weighted HALS fits with zeros, an infinite divergence away."""
    rng = np.random.default_rng(1)
    V = rng.gamma(0.4, 1, (60, 5)) @ rng.gamma(0.4, 1, (5, 80))
    return V * rng.gamma(4, 0.25, V.shape)


ENDS = {
    "tol": {"tol": 1e-4, "max_iter": 500},
    "a large tol": {"tol": 0.5, "max_iter": 500},
    "max_iter 1": {"max_iter": 1},
    "max_iter 20": {"max_iter": 20},
    "max_iter 21": {"max_iter": 21},
    "max_time": {"max_time": 0.0},
    "callback": {"callback": lambda n, model: n == 7},
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("beta", [-1, 0, 0.5, 1, 1.5, 2])
@pytest.mark.parametrize("update", ["mu-extrapolated", "hals-mu"])
def test_however_a_run_ends_it_is_no_worse_than_its_start(update, beta, end):
    V = noisy_product()
    options = {"beta": beta, "update": update, "seed": 0}
    start = nmf(V, 6, **options, max_iter=0).reconstruct()
    found = nmf(V, 6, **options, **ENDS[end]).reconstruct()
    assert beta_divergence(V, found, beta) <= beta_divergence(V, start, beta)


@pytest.mark.parametrize("beta", [0, 0.5, 1])
def test_a_good_start_is_not_forgotten_by_a_run_that_ends_early(beta):
    V = noisy_product()
    good = nmf(V, 6, beta=beta, update="mu-extrapolated", seed=0, max_iter=300)
    start = good.templates, good.activations
    found = nmf(V, 6, beta=beta, update="hals-mu", init=start, max_iter=2)
    before = beta_divergence(V, good.reconstruct(), beta)
    assert beta_divergence(V, found.reconstruct(), beta) <= before


@pytest.mark.parametrize("name", ["ncp", "ntd"])
@pytest.mark.parametrize("beta", [0, 1])
def test_tensor_models_end_finite_too(name, beta):
    V = tensor() * np.random.default_rng(0).gamma(1, 1, SIZES)
    for end in ENDS.values():
        found = run(name, V, beta=beta, update="hals-mu", seed=0, **end)
        start = run(name, V, beta=beta, seed=0, max_iter=0)
        assert beta_divergence(V, found.reconstruct(), beta) <= beta_divergence(
            V, start.reconstruct(), beta
        )


def test_tol_waits_for_the_end_of_hals_and_gets_near_the_minimum():
    V = noisy_product()
    options = {"update": "hals-mu", "seed": 0, "max_iter": 500}
    model = nmf(V, 6, tol=1e-4, **options)
    assert 20 < model.n_iter < 500
    best = beta_divergence(V, nmf(V, 6, **options).reconstruct())
    assert beta_divergence(V, model.reconstruct()) < 1.05 * best


@pytest.mark.parametrize("beta", [0.5, 1, 1.5])
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_modes_do_not_run_away_from_each_other(beta, backend):
    """Each has weights of its own, and single precision has a bound."""
    V = np.random.default_rng(8).gamma(0.5, 1, (2, 8, 5)) + 1e-3
    options = {"beta": beta, "update": "hals-mu", "seed": 0, "backend": backend}
    for fit in (partial(ncp, rank=4), partial(ntd, ranks=(2, 6, 2))):
        hals = fit(V, max_iter=20, **options)
        sizes = [factor.mean() for factor in hals.fit.factors.values()]
        assert max(sizes) < 1e3 * min(sizes)
        single = fit(V.astype(np.float32), max_iter=60, history=True, **options)
        assert np.isfinite(single.history).all()
        assert single.history[-1] < single.history[0]
