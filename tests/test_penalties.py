"""Penalties: what they measure, that the objective falls, what they do and refuse."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS

from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.penalties import (
    MinimumVolume,
    Orthogonality,
    Penalty,
    Smoothness,
    Sparsity,
)

UNIT = (Smoothness, Orthogonality, MinimumVolume)


def sparsity(lengths_of, factors):
    """Σ of the components' ℓ1 or ℓ2 lengths, multiplied over the factors."""
    norms = [
        np.linalg.norm(U, p, axis=0) for U, p in zip(factors, lengths_of, strict=True)
    ]
    return np.prod(norms, axis=0).sum()


def descent(fit, V, rank, penalties, value, beta, seed=0, **options):
    """The objectives of a run, divergence and penalties together."""
    found = []

    def record(_, model):
        Y = np.maximum(model.reconstruct(), 1e-50)
        divergence = beta_divergence(V, Y.reshape(V.shape), beta)
        found.append(divergence + value(model))

    fit(
        V,
        rank,
        penalties=penalties,
        beta=beta,
        seed=seed,
        max_iter=12,
        callback=record,
        **options,
    )
    return np.array(found)


# ---- what they measure


@pytest.mark.parametrize("kind", UNIT)
def test_parts_are_nonnegative_and_differ_by_the_gradient(kind):
    rng = np.random.default_rng(0)
    penalty, B = kind(0.7), rng.random((4, 9)) + 0.1
    plus, minus = penalty.parts(B)
    assert plus.min() >= 0
    assert minus.min() >= 0
    for k, n in ((0, 0), (1, 4), (3, 8)):
        step = np.zeros_like(B)
        step[k, n] = 1e-5
        slope = (penalty.value(B + step) - penalty.value(B - step)) / 2e-5
        assert (plus - minus)[k, n] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("kind", UNIT)
def test_the_scale_of_a_component_does_not_count(kind):
    B = np.random.default_rng(0).random((4, 9))
    scaled = B * np.array([[1e-3], [1], [20], [1e4]])
    assert kind(2.0).value(scaled) == pytest.approx(kind(2.0).value(B))


def test_penalties_are_what_the_papers_define():
    B = np.random.default_rng(0).random((3, 10))
    steps = (np.diff(B) ** 2).sum(1) / (B**2).mean(1)  # Virtanen's eq. 9
    assert Smoothness(1).value(B) == pytest.approx(steps.sum())
    W = (B / B.sum(1, keepdims=True)).T
    volume = np.log(np.linalg.det(W.T @ W + 0.5 * np.eye(3)))
    assert MinimumVolume(1, delta=0.5).value(B) == pytest.approx(volume)
    assert Orthogonality(1).value(np.eye(3, 10)) == 0
    assert Orthogonality(1).value(np.ones((3, 10))) == pytest.approx(3)


# ---- the objective falls


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(UNIT),
    block=st.sampled_from(["templates", "activations"]),
    weight=st.sampled_from([0.01, 1.0, 100.0]),
    beta=st.sampled_from(BETAS),
    seed=st.integers(0, 2**31),
)
def test_penalised_nmf_never_raises_its_objective(kind, block, weight, beta, seed):
    V = np.random.default_rng(seed).gamma(0.5, 1, (9, 12)) + 1e-3
    penalty = kind(weight)

    def value(model):
        factor = model.templates.T if block == "templates" else model.activations
        return penalty.value(factor)

    found = descent(nmf, V, 3, {block: penalty}, value, beta, seed)
    assert np.diff(found).max() <= 1e-9 * np.abs(found).max()


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    block=st.sampled_from(["templates", "activations"]),
    weight=st.sampled_from([0.01, 1.0, 100.0]),
    beta=st.sampled_from(BETAS),
    seed=st.integers(0, 2**31),
    fixed=st.booleans(),
)
def test_sparse_nmf_never_raises_its_objective(block, weight, beta, seed, fixed):
    V = np.random.default_rng(seed).gamma(0.5, 1, (9, 12)) + 1e-3

    def value(model):
        lengths = (1, 2) if block == "templates" else (2, 1)
        factors = model.templates, model.activations.T
        return weight * sparsity(lengths, factors)

    found = descent(
        nmf,
        V,
        3,
        {block: Sparsity(weight)},
        value,
        beta,
        seed,
        fixed=("templates",) if fixed else (),
    )
    assert np.diff(found).max() <= 1e-9 * np.abs(found).max()


@pytest.mark.parametrize("beta", [0, 1, 2])
@pytest.mark.parametrize("mode", [0, 2])
def test_penalised_tensor_models_never_raise_their_objective(beta, mode):
    V = np.random.default_rng(0).gamma(0.5, 1, (6, 5, 7)) + 1e-3
    lengths = [1 if n == mode else 2 for n in range(3)]

    def sparse(model):
        return 0.5 * sparsity(lengths, model.factors)

    def smooth(model):
        return Smoothness(0.5).value(model.factors[mode].T)

    def sparse_tucker(model):
        norms = [
            np.linalg.norm(U, p, axis=0)
            for U, p in zip(model.factors, lengths, strict=True)
        ]
        return 0.5 * np.einsum("xyz,x,y,z->", model.core, *norms)

    for fit, rank, penalty, value in (
        (ncp, 3, Sparsity(0.5), sparse),
        (ncp, 3, Smoothness(0.5), smooth),
        (ntd, (3, 2, 4), Sparsity(0.5), sparse_tucker),
        (ntd, (3, 2, 4), Smoothness(0.5), smooth),
    ):
        found = descent(fit, V, rank, {mode: penalty}, value, beta)
        assert np.diff(found).max() <= 1e-9 * np.abs(found).max()


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_a_sparse_core_never_raises_its_objective(beta):
    V = np.random.default_rng(0).gamma(0.5, 1, (6, 5, 7)) + 1e-3

    def value(model):
        norms = [np.linalg.norm(U, axis=0) for U in model.factors]
        return 0.5 * np.einsum("xyz,x,y,z->", model.core, *norms)

    found = descent(ntd, V, (3, 2, 4), {"core": Sparsity(0.5)}, value, beta)
    assert np.diff(found).max() <= 1e-9 * np.abs(found).max()


# ---- what they do


def notes(seed=0, noise=0.3):
    """A magnitude matrix of a few overlapping spectra with sparse, smooth envelopes."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.3, 1, (30, 4)) + 0.01
    time = np.arange(80)
    H = np.stack([np.exp(-np.abs(time - c) / 8.0) for c in (10, 30, 50, 70)])
    return (W @ H) * rng.gamma(1 / noise, noise, (30, 80)), W, H


def test_each_penalty_lowers_what_it_measures():
    V, *_ = notes()
    plain = nmf(V, 6, seed=0, max_iter=100)
    rows = plain.templates.T, plain.activations
    for kind in UNIT:
        block = "templates" if kind is MinimumVolume else "activations"
        model = nmf(V, 6, seed=0, max_iter=100, penalties={block: kind(20.0)})
        found = model.templates.T if kind is MinimumVolume else model.activations
        assert kind(1).value(found) < kind(1).value(rows[kind is not MinimumVolume])
    sparse = nmf(V, 6, seed=0, max_iter=100, penalties={"activations": Sparsity(2.0)})
    lengths = np.linalg.norm(plain.templates, axis=0)
    unit = np.linalg.norm(sparse.templates, axis=0)
    plain_l1 = (lengths[:, None] * plain.activations).sum()
    assert (unit[:, None] * sparse.activations).sum() < 0.9 * plain_l1


def test_minimum_volume_finds_the_templates_that_enclose_the_data():
    rng = np.random.default_rng(0)
    W = rng.uniform(0.2, 1, (20, 3))
    W /= W.sum(0)
    H = rng.dirichlet(np.full(3, 0.5), 400).T
    V = W @ H[:, H.max(0) < 0.75]  # no frame shows a template alone

    def error(model):
        found = model.templates / model.templates.sum(0)
        distance = np.linalg.norm(W[:, :, None] - found[:, None], axis=0)
        return distance.min(1).mean()

    def mean_error(**options):
        runs = (nmf(V, 3, seed=seed, max_iter=500, **options) for seed in (0, 1))
        return np.mean([error(model) for model in runs])

    small = {"templates": MinimumVolume(0.1)}
    assert mean_error(penalties=small) < 0.6 * mean_error()


@pytest.mark.parametrize("beta", BETAS)
def test_weight_zero_is_the_plain_model(beta):
    V, *_ = notes()
    plain = nmf(V, 4, beta=beta, seed=0, max_iter=5)
    for kind in (*UNIT, Sparsity):
        penalties = {"activations": kind(0.0), "templates": [kind(0)]}
        model = nmf(V, 4, beta=beta, seed=0, max_iter=5, penalties=penalties)
        np.testing.assert_array_equal(model.templates, plain.templates)
        np.testing.assert_array_equal(model.activations, plain.activations)


def test_a_penalty_of_ones_own_needs_two_methods():
    class Concentration(Penalty):
        """Minus the components' energy in their first half."""

        def of_unit(self, B):
            return -(B[..., : B.shape[-1] // 2] ** 2).sum()

        def gradient_of_unit(self, B):
            early = 0 * B
            early[..., : B.shape[-1] // 2] = 2 * B[..., : B.shape[-1] // 2]
            return 0 * B, early

    V, *_ = notes()
    penalty = Concentration(30.0)
    found = descent(
        nmf, V, 4, {"activations": penalty}, lambda m: penalty.value(m.activations), 1
    )
    assert np.diff(found).max() <= 1e-9 * np.abs(found).max()
    assert found[-1] < found[0]


def test_penalties_combine_and_masks_and_fixed_factors_stay():
    V, W, _ = notes()
    mask = np.random.default_rng(0).random((4, 80)) < 0.7
    penalties = {"activations": [Sparsity(0.1), Smoothness(0.1), Orthogonality(1)]}
    model = nmf(
        V,
        4,
        init=(W, None),
        fixed=("templates",),
        mask={"activations": mask},
        penalties=penalties,
        seed=0,
    )
    np.testing.assert_array_equal(model.templates, W)
    assert (model.activations[~mask] == 0).all()
    assert (model.activations[mask] > 0).any()


@pytest.mark.parametrize("kind", [*UNIT, Sparsity])
def test_backends_and_libraries_give_the_same_numbers(kind):
    V, *_ = notes()
    options = {"penalties": {"templates": kind(0.5)}, "seed": 0, "max_iter": 10}
    expected = nmf(V, 4, backend="numpy", **options).reconstruct()
    for data, backend in ((V, "c"), (torch.from_numpy(V), "torch")):
        found = nmf(data, 4, backend=backend, **options).reconstruct()
        np.testing.assert_allclose(np.asarray(found), expected, 1e-8)


def test_single_precision_and_empty_components_stay_finite():
    V, *_ = notes()
    V[:, :20] = 0
    penalties = {
        "activations": [Sparsity(1.0), Smoothness(1.0), Orthogonality(1.0)],
        "templates": MinimumVolume(1.0),
    }
    start = np.ones((30, 6), np.float32), np.ones((6, 80), np.float32)
    start[0][:, 5] = 0
    start[1][4] = 0
    for beta in (0, 1, 2):
        model = nmf(V.astype(np.float32), 6, beta=beta, init=start, penalties=penalties)
        assert np.isfinite(model.reconstruct()).all()


def test_minimum_volume_ends_no_higher_than_nn_facs():
    peer = pytest.importorskip("nn_fac.min_vol_nmf")
    V, *_ = notes()
    rng = np.random.default_rng(1)
    W, H = rng.random((30, 4)) + 0.1, rng.random((4, 80)) + 0.1
    W /= W.sum(0)
    det = np.linalg.det(W.T @ W + 0.01 * np.eye(4))
    peer_weight = 0.1 * beta_divergence(V, W @ H, 1) / np.log10(det)
    if peer_weight < 0:  # its weight has the sign of the start's volume
        peer_weight = -peer_weight
    found_W, found_H, *_ = peer.compute_minvol_beta_nmf(
        V,
        W,
        H,
        4,
        1,
        n_iter_max=200,
        tol=0,
        lambda_init=0.1 * np.sign(np.log10(det)),
    )
    penalty = MinimumVolume(peer_weight / np.log(10))
    model = nmf(V, 4, init=(W, H), penalties={"templates": penalty}, max_iter=200)

    def objective(W, H):
        return beta_divergence(V, W @ H, 1) + penalty.value(W.T)

    assert objective(model.templates, model.activations) <= objective(found_W, found_H)


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"penalties": Sparsity(1)}, "penalties"),
        ({"penalties": {"W": Sparsity(1)}}, "penalties"),
        ({"penalties": {"templates": 0.1}}, "penalties"),
        ({"penalties": {"templates": Sparsity(1)}, "update": "hals"}, "update"),
        ({"penalties": {"templates": Sparsity(1)}, "update": "hals-mu"}, "update"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        nmf(np.ones((4, 5)), 2, beta=2, **arguments)


def test_bad_weights_are_named():
    for kind in (*UNIT, Sparsity):
        for weight in (-1, float("nan"), "1", True):
            with pytest.raises(ValueError, match="weight"):
                kind(weight)
    with pytest.raises(ValueError, match="delta"):
        MinimumVolume(1.0, delta=0)
    with pytest.raises(ValueError, match="core"):
        ntd(np.ones((4, 4, 4)), (2, 2, 2), penalties={"core": Smoothness(1)})
