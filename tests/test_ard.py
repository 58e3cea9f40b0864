"""NMF that finds its rank: its objective falls, the rank is right, scale is free."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS

from musaic_core.lowrank import ard_nmf, beta_divergence, factor_match


def data(noise="gamma", rank=4, seed=0, shape=(30, 60)):
    """Data of that rank, and what φ its noise has."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1, (shape[0], rank)), rng.gamma(0.5, 1, (rank, shape[1]))
    Y = W @ H + 0.01
    if noise == "poisson":
        return rng.poisson(20 * Y).astype(float), 1.0
    if noise == "gamma":
        return Y * rng.gamma(5, 1 / 5, Y.shape), 1 / 5
    return np.maximum(Y + 0.3 * rng.standard_normal(Y.shape), 0), 0.3**2


def objective(V, model, beta, prior, phi, shape, rank):
    """The negative log posterior as the paper has it, times φ, with the best λ."""
    F, T = V.shape
    W, H, mean = model.templates, model.activations, V.mean()
    if prior == "l1":
        sizes, c = W.sum(0) + H.sum(1), F + T + shape + 1
        b = math.sqrt((shape - 1) * (shape - 2) * mean / rank)
    else:
        sizes = ((W**2).sum(0) + (H**2).sum(1)) / 2
        c, b = (F + T) / 2 + shape + 1, math.pi * (shape - 1) * mean / (2 * rank)
    relevance = (sizes + b) / c
    np.testing.assert_allclose(np.sort(relevance), np.sort(model.relevance))
    prior_part = ((sizes + b) / relevance + c * np.log(relevance)).sum()
    Y = np.maximum(model.reconstruct(), 1e-40)
    return beta_divergence(V, Y, beta) + phi * prior_part


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    prior=st.sampled_from(["l1", "l2"]),
    phi=st.sampled_from([1e-2, 0.2, 5.0]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    start_iter=st.sampled_from([0, 5]),
    seed=st.integers(0, 2**31),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_the_objective_never_rises(beta, prior, phi, scale, start_iter, seed, backend):
    V = scale * (np.random.default_rng(seed).gamma(0.5, 1, (9, 12)) + 1e-3)
    phi, found = phi * scale**beta, []
    ard_nmf(
        V,
        5,
        beta=beta,
        prior=prior,
        shape=5.0,
        dispersion=phi,
        start_iter=start_iter,
        max_iter=15,
        seed=seed,
        backend=backend,
        callback=lambda _, model: found.append(
            objective(V, model, beta, prior, phi, 5.0, 5)
        ),
    )
    assert np.diff(found).max() <= 1e-9 * np.abs(found).max()


@pytest.mark.parametrize("prior", ["l1", "l2"])
@pytest.mark.parametrize(
    ("noise", "beta"), [("poisson", 1), ("gamma", 0), ("gamma", 0.5), ("normal", 2)]
)
def test_the_rank_of_simulated_data_is_found(noise, beta, prior):
    V, phi = data(noise)
    options = {"dispersion": phi, "update": "mu-extrapolated", "seed": 0}
    model = ard_nmf(V, 10, beta=beta, prior=prior, **options)
    assert model.templates.shape[1] == 4
    assert np.all(np.diff(model.relevance) <= 0)
    assert model.dispersion == pytest.approx(phi)


@pytest.mark.parametrize("rank", [2, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_rank_is_found_where_the_noise_is_not_known(rank, seed):
    V, _ = data("poisson", rank, seed)
    model = ard_nmf(V, 12, seed=seed)
    assert model.templates.shape[1] == rank
    assert 0.5 < model.dispersion < 2  # 1 for counts


def test_more_noise_leaves_fewer_components():
    V, phi = data("poisson")
    ranks = [
        ard_nmf(V, 10, dispersion=factor * phi, seed=0).templates.shape[1]
        for factor in (0.1, 1, 1e4)
    ]
    assert ranks[0] >= ranks[1] > ranks[2]


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_the_scale_of_the_data_does_not_count(beta):
    V, _ = data()
    options = {"beta": beta, "seed": 0, "max_iter": 50}
    model, other = (ard_nmf(s * V, 8, **options) for s in (1.0, 2.0**40))
    assert other.dispersion == pytest.approx(2.0 ** (40 * beta) * model.dispersion)
    np.testing.assert_allclose(other.templates, 2.0**20 * model.templates)
    np.testing.assert_allclose(other.relevance, 2.0**20 * model.relevance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pytorch_finds_the_same(dtype):
    V, _ = data()
    model = ard_nmf(V, 8, seed=0, max_iter=30)
    other = ard_nmf(torch.from_numpy(V).to(dtype), 8, seed=0, max_iter=30)
    assert other.templates.dtype == dtype
    assert factor_match(model, other) > 1 - 1e-4


def test_masked_entries_stay_zero_and_a_start_is_taken():
    V, _ = data()
    allowed = np.random.default_rng(0).random((6, 60)) < 0.7
    found = []
    ard_nmf(
        V,
        6,
        mask={"activations": allowed},
        seed=0,
        max_iter=3,
        callback=lambda _, model: found.append(1 * model.activations),
    )
    assert not found[-1][~allowed].any()
    W, H = np.ones((30, 2)), np.ones((2, 60))
    W[:10, 0] = 0
    model = ard_nmf(V, 2, init=(W, H), start_iter=0, max_iter=5)
    assert not model.templates[:10].all()


def test_extremes_are_finite():
    for V in (np.zeros((5, 6)), np.outer(np.arange(5.0), np.arange(6.0))):
        for beta in (0, 1, 2):
            model = ard_nmf(V, 3, beta=beta, seed=0, max_iter=200)
            assert np.isfinite(model.reconstruct()).all()


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"prior": "l3"}, "prior"),
        ({"shape": 2}, "shape"),
        ({"shape": 1, "prior": "l2"}, "shape"),
        ({"dispersion": 0}, "dispersion"),
        ({"fixed": ("templates",)}, "fixed"),
        ({"update": "hals"}, "update"),
        ({"rank": 0}, "rank"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, name):
    with pytest.raises(ValueError, match=name):
        ard_nmf(data()[0], **{"rank": 3, **wrong})


@pytest.mark.parametrize("prior", ["l1", "l2"])
def test_a_fit_goes_on_as_if_it_had_not_ended(prior):
    V, _ = data("poisson")
    options = {"prior": prior, "update": "mu-extrapolated"}
    whole = ard_nmf(V, 6, seed=0, max_iter=25, **options)
    half = ard_nmf(V, 6, seed=0, max_iter=12, **options)
    options["update"] = half.update
    rest = ard_nmf(V, 6, init=half, max_iter=13, **options)
    assert rest.dispersion == whole.dispersion
    assert rest.objective == pytest.approx(whole.objective, rel=1e-10)
    np.testing.assert_allclose(rest.reconstruct(), whole.reconstruct(), 1e-9)


def test_of_several_starts_the_best_is_given_back():
    V, _ = data("poisson")
    options = {"seed": 0, "start_iter": 5, "max_iter": 20}
    one, best = (ard_nmf(V, 6, n_starts=n, **options) for n in (1, 6))
    assert best.objective < one.objective
    assert best.dispersion == one.dispersion


def test_missing_entries_have_no_influence():
    V, _ = data("poisson")
    missing = np.random.default_rng(1).random(V.shape) < 0.2
    options = {"seed": 0, "start_iter": 5, "max_iter": 20}
    expected = ard_nmf(np.where(missing, 1e3, V), 6, data_weights=~missing, **options)
    for hidden in (np.where(missing, np.nan, V), np.ma.masked_array(V, missing)):
        found = ard_nmf(hidden, 6, missing="nan", **options)
        np.testing.assert_allclose(found.reconstruct(), expected.reconstruct(), 1e-9)
    # only how the weights compare has one
    found = ard_nmf(V, 6, data_weights=5.0 * ~missing, **options)
    np.testing.assert_allclose(found.reconstruct(), expected.reconstruct(), 1e-9)
