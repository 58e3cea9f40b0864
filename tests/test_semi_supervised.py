"""Semi-supervised NMF: its steps, descent, special cases, and what it finds."""

import numpy as np
import pytest
import reference_factorization as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data, every_beta

from musaic_core.lowrank import (
    Smoothness,
    Sparsity,
    beta_divergence,
    nmf,
    semi_supervised_nmf,
)

HELD = np.random.default_rng(3).gamma(0.5, 1, (12, 4)) + 1e-3


def start(seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((12, 2)) + 0.1, rng.random((6, 20)) + 0.1


@every_beta
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_the_steps_are_the_references(beta, backend):
    V, (W, H) = data() + 0.1, start()
    model = semi_supervised_nmf(
        V, HELD, 2, beta=beta, init=(W, H), max_iter=3, backend=backend
    )
    for _ in range(3):
        H = reference.mu_step(V, np.hstack([HELD, W]), H, beta)
        all_rows = np.hstack([HELD, W]).T
        W = reference.mu_step(V.T, H.T, all_rows, beta)[4:].T
    np.testing.assert_allclose(model.activations, H, 1e-8)
    np.testing.assert_allclose(model.templates, np.hstack([HELD, W]), 1e-8)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    fixed=st.sampled_from([(), ("templates",), ("activations",)]),
    penalised=st.sampled_from([None, "templates", "activations"]),
    weighted=st.booleans(),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_the_objective_never_rises(beta, fixed, penalised, weighted, seed, scale):
    V = scale * data(seed=seed)
    weight = 0.3 * scale ** (beta - 1)
    penalties = [Sparsity(weight), Smoothness(weight * scale)]
    history = semi_supervised_nmf(
        V,
        HELD,
        2,
        beta=beta,
        fixed=fixed,
        penalties={penalised: penalties} if penalised else None,
        data_weights=np.random.default_rng(seed).random(V.shape) if weighted else None,
        seed=seed,
        max_iter=12,
        history=True,
    ).history
    level = beta_divergence(V, np.full_like(V, V.mean()), beta) + V.sum()
    assert np.diff(history).max() <= 1e-9 * (level + history[0])


@pytest.mark.parametrize("block", ["templates", "activations"])
def test_sparsity_counts_what_it_is_given_for(block):
    model = semi_supervised_nmf(
        data(), HELD, 2, penalties={block: Sparsity(0.3)}, seed=0, max_iter=5
    )
    W, H = model.templates, model.activations
    if block == "activations":
        lengths = np.linalg.norm(W, axis=0) * H.sum(1)
    else:
        lengths = (W.sum(0) * np.linalg.norm(H, axis=1))[4:]
    expected = beta_divergence(data(), W @ H) + 0.3 * lengths.sum()
    np.testing.assert_allclose(model.objective, expected)


@every_beta
def test_at_its_limits_it_is_plain_nmf(beta):
    W, H = start()
    for update in ("mu", "mu-extrapolated"):
        options = {"beta": beta, "update": update, "max_iter": 10}
        # no free template sounds
        quiet = np.vstack([H[:4], 0 * H[4:]])
        plain = nmf(data(), 4, init=(HELD, H[:4]), fixed=("templates",), **options)
        model = semi_supervised_nmf(data(), HELD, 2, init=(W, quiet), **options)
        np.testing.assert_allclose(model.activations[:4], plain.activations, 1e-10)
        # no held template sounds
        quiet = np.vstack([0 * H[:4], H[4:]])
        plain = nmf(data(), 2, init=(W, H[4:]), **options)
        model = semi_supervised_nmf(data(), HELD, 2, init=(W, quiet), **options)
        np.testing.assert_allclose(model.activations[4:], plain.activations, 1e-10)
        np.testing.assert_allclose(model.templates[:, 4:], plain.templates, 1e-10)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_what_is_known_is_told_from_what_is_not(beta):
    rng = np.random.default_rng(0)
    W, H = rng.gamma(0.2, 1, (60, 6)) + 1e-6, rng.gamma(0.4, 1, (6, 200)) + 1e-6
    V = W @ H + 1e-6
    model = semi_supervised_nmf(
        V, W[:, :4], 2, beta=beta, seed=0, update="mu-extrapolated", max_iter=300
    )
    found = model.reconstruct(np.repeat([1, 0], [4, 2]))
    known = W[:, :4] @ H[:4]
    assert np.linalg.norm(found - known) < 0.1 * np.linalg.norm(known)
    np.testing.assert_array_equal(model.templates[:, :4], W[:, :4])
    assert model.n_parameters == 60 * 2 + 6 * 200


@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_scale_of_the_data_changes_nothing_but_the_scale(beta, dtype):
    V, power = data().astype(dtype), 60 if dtype == "float32" else 500
    options = {"beta": beta, "seed": 0, "max_iter": 20}
    expected = semi_supervised_nmf(V, HELD, 2, **options).reconstruct()
    found = semi_supervised_nmf(np.ldexp(V, power), HELD, 2, **options).reconstruct()
    np.testing.assert_allclose(np.ldexp(found, -power), expected, 1e-2, 1e-3)


def test_tensors_give_tensors_and_masks_hold():
    mask = np.random.default_rng(0).random((6, 20)) < 0.5
    options = {"mask": {"activations": mask}, "seed": 0, "max_iter": 5}
    expected = semi_supervised_nmf(data(), HELD, 2, **options)
    model = semi_supervised_nmf(torch.from_numpy(data()), HELD, 2, **options)
    assert isinstance(model.templates, torch.Tensor)
    np.testing.assert_allclose(model.reconstruct(), expected.reconstruct(), 1e-10)
    assert ((expected.activations > 0) == mask).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((12, 4, 5))}, "V has 3 axes"),
        ({"held": HELD[:5]}, "held has shape"),
        ({"held": -HELD}, "held has negative"),
        ({"rank": 0}, "rank"),
        ({"init": "nndsvd"}, "init"),
        ({"fixed": ("held",)}, "fixed"),
        ({"update": "hals"}, "update"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        semi_supervised_nmf(**{"V": data(), "held": HELD, "rank": 2, **arguments})
