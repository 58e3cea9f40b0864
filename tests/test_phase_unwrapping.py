"""Penalties on phases: descent, what they are, and what they find."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.lowrank import PhaseUnwrapping, complex_nmf
from musaic_core.tasks.separation.phases import advances_of
from musaic_core.tasks.separation.wiener import HOP, transform

SHAPE = 8, 12


def spectrum(rng, shape=SHAPE):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def penalty_of(rng, weight, n_sources, shape=SHAPE):
    advances = rng.uniform(-9, 9, (n_sources, *shape))
    return PhaseUnwrapping(weight, advances, rng.random((n_sources, shape[1])) < 0.3)


def sdr(true, found):
    return 10 * np.log10((abs(true) ** 2).sum() / (abs(true - found) ** 2).sum())


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    n_sources=st.integers(1, 4),
    shape=st.tuples(st.integers(1, 8), st.integers(1, 12)),
    weight=st.sampled_from([0, 1e-3, 0.1, 1, 1e3]),
    fixed=st.sets(st.sampled_from(["templates", "activations", "phases"]), max_size=2),
    dtype=st.sampled_from([np.complex64, np.complex128]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    silent=st.booleans(),
)
def test_the_objective_never_rises(
    seed, n_sources, shape, weight, fixed, dtype, scale, silent
):
    rng = np.random.default_rng(seed)
    X = (scale * spectrum(rng, shape)).astype(dtype)
    if silent:
        X[-1] = 0
        X[:, -1] = 0
    history = complex_nmf(
        *(X, np.repeat(np.arange(n_sources), 2)),
        phase_penalty=penalty_of(rng, weight, n_sources, shape),
        fixed=fixed,
        seed=seed,
        max_iter=15,
        history=True,
    ).history
    assert np.isfinite(history).all()
    precision = 1e-5 if dtype == np.complex64 else 1e-12
    assert np.diff(history).max() <= precision * history[0]


def test_without_a_weight_it_is_the_plain_model():
    rng = np.random.default_rng(0)
    X, sources = spectrum(rng), [0, 0, 1]
    options = {"seed": 0, "max_iter": 20, "history": True}
    plain = complex_nmf(X, sources, **options)
    same = complex_nmf(X, sources, phase_penalty=penalty_of(rng, 0, 2), **options)
    np.testing.assert_array_equal(same.phases, plain.phases)
    np.testing.assert_array_equal(same.history, plain.history)


def test_the_objective_is_the_error_and_the_penalty():
    rng = np.random.default_rng(0)
    X, penalty = spectrum(rng), penalty_of(rng, 0.3, 2)
    found = complex_nmf(
        X, [0, 0, 1], phase_penalty=penalty, seed=0, max_iter=3, history=True
    )
    turns = np.exp(1j * found.phases)
    expected = (abs(X - found.images().sum(0)) ** 2).sum()
    for n, t in np.ndindex(2, SHAPE[1]):
        if t > 0 and not penalty.begins[n, t]:
            told = np.exp(1j * penalty.advances[n, :, t]) * turns[n, :, t - 1]
            apart = abs(turns[n, :, t] - told)
            expected += 0.3 * (abs(X[:, t]) ** 2 * apart**2).sum()
    np.testing.assert_allclose(found.history[-1], expected, 1e-10)


def test_phases_end_where_the_gradient_is_zero():
    """By finite differences of an objective that knows nothing of the updates."""
    rng = np.random.default_rng(0)
    X, penalty = spectrum(rng, (3, 5)), penalty_of(rng, 0.3, 2, (3, 5))
    held = {"fixed": ["templates", "activations"], "seed": 0, "history": True}
    told = {"phase_penalty": penalty, **held}
    found = complex_nmf(X, [0, 1], max_iter=5000, **told)
    factors, step = (found.templates, found.activations), 1e-4
    for at in np.ndindex(found.phases.shape):
        values = []
        for sign in (1, -1):
            phases = found.phases.copy()
            phases[at] += sign * step
            start = (*factors, phases)
            values += [
                complex_nmf(X, [0, 1], init=start, max_iter=0, **told).history[0]
            ]
        assert abs(values[0] - values[1]) / (2 * step) < 1e-4


def test_sinusoids_of_known_frequencies_are_told_apart():
    """Which overlap in all bins: what the worse gains, in the median."""
    advances = np.array([0.5, 0.8])[:, None, None] + np.zeros((2, 12, 60))
    penalty, gains = PhaseUnwrapping(1, advances), []
    for seed in range(7):  # of 45, all gained 2.7 dB or more
        rng = np.random.default_rng(seed)
        W, H = rng.gamma(0.5, 1, (12, 2)) + 0.1, rng.gamma(0.5, 1, (2, 60)) + 0.1
        begin = rng.uniform(-np.pi, np.pi, (2, 12, 1))
        turns = np.exp(1j * (begin + advances.cumsum(2)))
        images = W.T[:, :, None] * H[:, None] * turns
        X = images.sum(0)
        start = W, None, np.tile(np.angle(X), (2, 1, 1))
        options = {"init": start, "fixed": ["templates"], "seed": 0, "max_iter": 300}
        plain = complex_nmf(X, [0, 1], **options)
        found = complex_nmf(X, [0, 1], phase_penalty=penalty, **options)
        worst = [min(map(sdr, images, model.images())) for model in (plain, found)]
        gains.append(worst[1] - worst[0])
    assert np.median(gains) > 3


def test_a_steady_tone_goes_on_as_its_peak_says():
    sr, frequency = 8000, 441.3
    times = np.arange(4 * sr) / sr
    X = transform(np.cos(2 * np.pi * frequency * times), sr)
    frequencies = np.arange(len(X)) * 12.5
    X[:, :20] = 0
    advances, begins = advances_of(abs(X[None]) ** 2, frequencies, HOP)
    assert np.flatnonzero(begins[0])[0] == 20
    near = abs(frequencies - frequency) < 15
    left = X[near, 22:-3] * X[near, 21:-4].conj()
    error = np.angle(left * np.exp(-1j * advances[0][near, 22:-3]))
    assert abs(error).max() < 0.15


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"weight": -1}, "weight is -1"),
        ({"weight": np.inf}, "weight is inf"),
        ({"weight": True}, "weight is True"),
        ({"advances": np.ones((8, 12))}, "advances are not finite numbers"),
        ({"advances": np.full((2, 8, 12), np.inf)}, "advances are not finite numbers"),
        ({"begins": np.ones((2, 12))}, r"begins are not booleans \(N, T\)"),
        ({"begins": np.ones((2, 8), bool)}, r"of shape \(2, 12\)"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    given = {"weight": 0.1, "advances": np.ones((2, *SHAPE))}
    with pytest.raises(ValueError, match=named):
        PhaseUnwrapping(**given | arguments)


def test_a_penalty_of_other_sources_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"phase_penalty has advances \(3, 8, 12\)"):
        complex_nmf(spectrum(rng), [0, 1], phase_penalty=penalty_of(rng, 1, 3))
