"""Decay: what it is worth, descent, its limits, and which notes it finds."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data

from musaic_core.lowrank import (
    Decay,
    Smoothness,
    beta_divergence,
    convolutive_nmf,
    deep_nmf,
    filtered_nmf,
    harmonic_nmf,
    inharmonic_nmf,
    ncp,
    nmf,
    ntd,
    robust_nmf,
    semi_supervised_nmf,
)

BANDS = np.random.default_rng(1).random((12, 6, 3))
CUBE = 12, 5, 4
FIT = {
    "nmf": lambda V, **o: nmf(V, 6, **o),
    "ncp": lambda V, **o: ncp(V.reshape(CUBE), 6, **o),
    "ntd": lambda V, **o: ntd(V.reshape(CUBE), (6, 3, 3), **o),
    "convolutive": lambda V, **o: convolutive_nmf(V, 6, 3, **o),
    "harmonic": lambda V, **o: harmonic_nmf(V, BANDS, **o),
    "inharmonic": lambda V, **o: inharmonic_nmf(
        V, BANDS[:, :, None], np.ones((BANDS.shape[1], 1)), **o
    ),
    "filtered": lambda V, **o: filtered_nmf(V, BANDS, BANDS[:, 0], **o),
    "robust": lambda V, **o: robust_nmf(V, 6, 0.5, **o),
    "semi": lambda V, **o: semi_supervised_nmf(V, BANDS[:, 0, :2], 4, **o),
    "deep": lambda V, **o: deep_nmf(V, (6, 3), weights=[0.5], start_iter=2, **o),
    "deep data": lambda V, **o: deep_nmf(V, (6, 3), loss="data", start_iter=2, **o),
}


def worth(H, rate, level):
    """Σ d(ρ h_{t-1} + a σ | h_t + a σ), written out."""
    sigma = np.sqrt((H**2).mean(1, keepdims=True))
    ratio = (rate * H[:, :-1] + level * sigma) / (H[:, 1:] + level * sigma)
    return (ratio - np.log(ratio) - 1).sum()


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("scale", [1.0, 2.0**-9, 2.0**40])
def test_it_is_what_it_says_at_any_scale(beta, scale):
    V, weight = scale * data(), 0.7 * scale**beta
    options = {"beta": beta, "seed": 0, "max_iter": 5}
    model = nmf(V, 6, penalties={"activations": Decay(weight, 0.8, 0.1)}, **options)
    expected = beta_divergence(V, model.reconstruct(), beta)
    expected += weight * worth(model.activations, 0.8, 0.1)
    assert model.objective == pytest.approx(expected)
    same = nmf(data(), 6, penalties={"activations": Decay(0.7, 0.8, 0.1)}, **options)
    np.testing.assert_allclose(model.reconstruct() / scale, same.reconstruct(), 1e-6)


@pytest.mark.parametrize("rate", [0.3, 1.0])
@pytest.mark.parametrize("level", [1e-3, 1.0, 1e3])
def test_its_parts_are_nonnegative_and_differ_by_the_gradient(rate, level):
    penalty, B = Decay(0.7, rate, level), np.random.default_rng(0).random((4, 9)) + 0.1
    plus, minus = penalty.parts(B)
    assert plus.min() >= 0
    assert minus.min() >= 0
    gradient = np.zeros_like(B)
    for at in np.ndindex(B.shape):
        step = np.zeros_like(B)
        step[at] = 1e-5
        slope = penalty.value(B + step) - penalty.value(B - step)
        gradient[at] = slope / 2e-5
    precision = 1e-6 * abs(gradient).max() + 1e-12
    np.testing.assert_allclose(plus - minus, gradient, 1e-5, precision)


def test_the_scale_of_a_component_does_not_count():
    B = np.random.default_rng(0).random((4, 9))
    scaled = B * np.array([[1e-3], [1], [20], [1e4]])
    assert Decay(2.0, 0.9).value(scaled) == pytest.approx(Decay(2.0, 0.9).value(B))


def test_an_attack_costs_less_than_a_fall_as_deep_and_decay_nothing():
    fading = 0.8 ** np.arange(12.0)[None]
    assert Decay(1.0, 0.8, 1e-9).value(fading) == pytest.approx(0, abs=1e-6)
    step = np.r_[np.full(6, 1e-2), np.ones(6)][None]
    rise, fall = (Decay(1.0, 1.0, 1e-9).value(B) for B in (step, step[:, ::-1]))
    assert rise == pytest.approx(0.01 - np.log(0.01) - 1, rel=1e-3)
    assert fall == pytest.approx(100 - np.log(100) - 1, rel=1e-3)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(list(FIT)),
    beta=st.sampled_from(BETAS),
    weight=st.sampled_from([0.01, 1.0, 100.0]),
    rate=st.sampled_from([0.1, 0.9, 1.0]),
    level=st.sampled_from([1e-4, 0.1, 100.0]),
    silent=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**31),
)
def test_the_objective_never_rises(
    name, beta, weight, rate, level, silent, dtype, seed
):
    V = data(seed=seed)
    if silent and beta > 0:
        V[:, 5:9] = 0
    block = 1 if name in ("ncp", "ntd") else "activations"
    history = FIT[name](
        V.astype(dtype),
        beta=beta,
        penalties={block: Decay(weight, rate, level)},
        seed=seed,
        max_iter=12,
        history=True,
    ).history
    precision = 1e-5 if dtype == np.float32 else 1e-9
    assert np.isfinite(history).all()
    assert np.diff(history).max() <= precision * np.abs(history).max()


@pytest.mark.parametrize("beta", BETAS)
def test_weight_zero_is_the_plain_model(beta):
    options = {"beta": beta, "seed": 0, "max_iter": 5}
    model = nmf(data(), 6, penalties={"activations": Decay(0, 0.9)}, **options)
    plain = nmf(data(), 6, **options)
    np.testing.assert_array_equal(model.activations, plain.activations)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_at_a_rate_of_one_and_a_high_level_it_is_smoothness(beta):
    found, expected = (
        nmf(data(), 6, beta=beta, penalties={"activations": p}, seed=0, max_iter=30)
        for p in (Decay(0.3 * 2 * 1e4**2, 1.0, 1e4), Smoothness(0.3))
    )
    np.testing.assert_allclose(found.reconstruct(), expected.reconstruct(), 1e-2)


def played(seed):
    """Noisy powers of notes that decay by 0.7 a frame, spectra and activations."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1, (24, 4)) + 0.05, np.zeros((4, 150))
    for k in np.repeat(range(4), 5):
        start = rng.integers(0, 140)
        H[k, start:] += rng.uniform(0.5, 2) * 0.7 ** np.arange(150 - start)
    return (W @ H + 1e-4) * rng.exponential(1, (24, 150)), W, H


def test_notes_that_decay_are_found_closer_than_without_it_and_than_with_smoothness():
    def error(penalty):
        held, errors = {"fixed": ("templates",), "seed": 0, "max_iter": 200}, []
        for seed in range(3):
            V, W, H = played(seed)
            penalties = {"activations": penalty}
            model = nmf(V, 4, beta=0, init=(W, None), penalties=penalties, **held)
            errors.append(np.abs(model.activations - H).sum() / H.sum())
        return np.mean(errors)

    found = error(Decay(3.0, 0.7))
    assert found < 0.7 * error(Decay(0.0, 0.7))
    assert found < 0.8 * min(error(Smoothness(w)) for w in (0.1, 1.0, 10.0))
    # the more it weighs, the more the rate does
    assert error(Decay(10.0, 0.7)) < 0.9 * error(Decay(10.0, 1.0))


def test_tensors_and_silence():
    options = {"penalties": {"activations": Decay(0.5, 0.9)}, "seed": 0, "max_iter": 10}
    expected = nmf(data(), 6, **options).reconstruct()
    found = nmf(torch.from_numpy(data()), 6, **options).reconstruct()
    np.testing.assert_allclose(found, expected, 1e-8)
    V = data().astype(np.float32)
    V[:, :5] = 0
    start = np.ones((12, 6), np.float32), np.ones((6, 20), np.float32)
    start[1][4] = 0
    for beta in BETAS:
        model = nmf(V, 6, beta=beta, init=start, **options)
        assert np.isfinite(model.reconstruct()).all()
        assert (model.activations[4] == 0).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"rate": 0}, "rate"),
        ({"rate": 1.5}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": "1"}, "rate"),
        ({"rate": True}, "rate"),
        ({"level": 0}, "level"),
        ({"level": float("nan")}, "level"),
        ({"level": True}, "level"),
        ({"weight": -1}, "weight"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        Decay(**{"weight": 1.0, "rate": 0.9, **arguments})
