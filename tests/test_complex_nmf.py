"""Models of complex spectra: descent, special cases, and what phases are worth."""

import numpy as np
import pytest
from complex_spectra import sdr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.lowrank import complex_isnmf, complex_nmf, nmf
from musaic_core.lowrank.structured.complex_isnmf import (
    expected_powers,
    expected_values,
    relation_of,
)
from musaic_core.tasks.separation.phases import frequencies_of_peaks, unrolled_phases
from musaic_core.tasks.separation.wiener import HOP, transform

SHAPE = 8, 12
every_concentration = pytest.mark.parametrize("concentration", [0, 0.5, 5])


def spectrum(seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def pair(n=4, seed=1, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return rng.random((shape[0], n)) + 0.1, rng.random((n, shape[1])) + 0.1


def angles(n_sources, seed=2, shape=SHAPE):
    return np.random.default_rng(seed).uniform(-np.pi, np.pi, (n_sources, *shape))


# ---- both


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    n_sources=st.integers(1, 4),
    concentration=st.sampled_from([None, 0, 0.5, 5, 100]),
    dtype=st.sampled_from([np.complex64, np.complex128]),
    fixed=st.sets(st.sampled_from(["templates", "activations"]), max_size=1),
    holds_phases=st.booleans(),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    silent=st.booleans(),
)
def test_the_objective_never_rises(
    seed, n_sources, concentration, dtype, fixed, holds_phases, scale, silent
):
    X = (scale * spectrum(seed)).astype(dtype)
    if silent:
        X[3] = 0
        X[:, 5] = 0
    sources = np.repeat(np.arange(n_sources), 2)
    options = {"seed": seed, "max_iter": 15, "history": True}
    if concentration is None:
        fixed = fixed | ({"phases"} if holds_phases else set())
        history = complex_nmf(X, sources, fixed=fixed, **options).history
        size = history[0]
    else:
        phases = angles(n_sources, seed)
        told = sources, phases, concentration
        history = complex_isnmf(X, *told, fixed=fixed, **options).history
        size = X.size
    assert np.isfinite(history).all()
    precision = 1e-4 if dtype == np.complex64 else 1e-9
    assert np.diff(history).max() <= precision * size


@every_concentration
@pytest.mark.parametrize("name", ["templates", "activations"])
def test_each_factor_ends_where_the_gradient_is_zero(name, concentration):
    """By finite differences of objectives that know nothing of the updates."""
    X, phases, sources = spectrum(shape=(3, 5)), angles(2, shape=(3, 5)), [0, 0, 1]
    other = {"templates", "activations"} - {name}
    start = pair(3, shape=(3, 5))
    models = {
        squared_error: complex_nmf(
            X, sources, init=(*start, phases), fixed={*other, "phases"}, max_iter=5000
        ),
        likelihood: complex_isnmf(
            X, sources, phases, concentration, init=start, fixed=other, max_iter=5000
        ),
    }
    for objective, model in models.items():
        factor = getattr(model, name)
        step = 1e-6 * factor.max()
        for at in np.ndindex(factor.shape):
            was, values = factor[at], []
            for sign in (1, -1):
                factor[at] = was + sign * step
                values.append(objective(X, model, phases, concentration))
            factor[at] = was
            slope = (values[0] - values[1]) / (2 * step)
            assert slope > -1e-2  # above zero where the factor may not go below
            assert slope * was < 1e-2


def parts_of(model):
    of = np.unique(model.labels, return_inverse=True)[1]
    W, H = model.templates, model.activations
    return np.stack([W[:, of == n] @ H[of == n] for n in range(of.max() + 1)])


def squared_error(X, model, phases, _):
    return (abs(X - (parts_of(model) * np.exp(1j * phases)).sum(0)) ** 2).sum()


def covariances(powers, phases, concentration):
    """Of real and imaginary part, (N, F, T, 2, 2)."""
    relation = relation_of(concentration)
    c, s = relation * np.cos(2 * phases), relation * np.sin(2 * phases)
    rows = np.stack([np.stack([1 + c, s], -1), np.stack([s, 1 - c], -1)], -2)
    return powers[..., None, None] / 2 * rows


def likelihood(X, model, phases, concentration):
    covariance = covariances(parts_of(model), phases, concentration).sum(0)
    x = np.stack([X.real, X.imag], -1)
    quadratic = np.einsum("fti,ftij,ftj->", x, np.linalg.inv(covariance), x)
    return 0.5 * (quadratic + np.linalg.slogdet(2 * covariance)[1].sum())


# ---- complex NMF


def test_from_the_mixtures_phases_it_is_the_nmf_of_magnitudes():
    X, (W, H) = spectrum(), pair()
    phases = np.tile(np.angle(X), (3, 1, 1))
    model = complex_nmf(X, [0, 0, 1, 2], init=(W, H, phases), max_iter=20)
    plain = nmf(abs(X), 4, beta=2, init=(W, H), max_iter=20)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-8)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-8)
    np.testing.assert_allclose(np.exp(1j * (model.phases - phases)), 1, 1e-8)


def test_one_source_is_the_nmf_of_magnitudes_from_any_phases():
    X, (W, H) = spectrum(), pair()
    model = complex_nmf(X, [0] * 4, init=(W, H, angles(1)), max_iter=20)
    plain = nmf(abs(X), 4, beta=2, init=(W, H), max_iter=20)
    np.testing.assert_allclose(model.reconstruct(), plain.reconstruct(), 1e-8)


def test_sources_that_cancel_are_told_by_their_phases():
    shape = 12, 60
    rng = np.random.default_rng(0)
    W, H = rng.gamma(0.5, 1, (12, 4)), rng.gamma(0.5, 1, (4, 60))
    phases, sources = angles(2, shape=shape), [0, 0, 1, 1]
    parts = np.stack([W[:, n] @ H[n] for n in ([0, 1], [2, 3])])
    images = parts * np.exp(1j * phases)
    X = images.sum(0)
    start = (W, None, phases)
    fixed = "templates", "phases"
    model = complex_nmf(X, sources, init=start, fixed=fixed, seed=0, max_iter=500)
    told = min(map(sdr, images, model.images()))
    assert told > 40
    mixed = (W, None, np.tile(np.angle(X), (2, 1, 1)))
    plain = complex_nmf(X, sources, init=mixed, fixed=fixed[:1], seed=0, max_iter=500)
    assert max(map(sdr, images, plain.images())) < told - 20


# ---- complex ISNMF


def test_without_concentration_it_is_wiener_filtering():
    X, (W, H) = spectrum(), pair()
    model = complex_isnmf(
        X, [0, 0, 1, 1], angles(2), 0, init=(W, H), max_iter=50, history=True
    )
    W, H = model.templates, model.activations
    powers = np.stack([W[:, n] @ H[n] for n in ([0, 1], [2, 3])])
    np.testing.assert_allclose(model.images(X), powers / powers.sum(0) * X, 1e-8)
    # and goes where an NMF goes, if not as fast
    plain = nmf(abs(X) ** 2, 4, beta=0, init=(W, H), max_iter=2000)
    V = plain.reconstruct()
    least = (np.log(V) + abs(X) ** 2 / V).sum()
    further = complex_isnmf(
        X, [0, 0, 1, 1], angles(2), 0, init=(W, H), max_iter=4000, history=True
    )
    np.testing.assert_allclose(further.history[-1], least, 5e-3)


@every_concentration
def test_one_source_is_an_nmf_of_powers(concentration):
    """Of its powers, seen from the phase that it prefers."""
    X, (W, H), phases = spectrum(), pair(), angles(1)
    model = complex_isnmf(X, [0] * 4, phases, concentration, init=(W, H), max_iter=20)
    r = relation_of(concentration)
    V = (abs(X) ** 2 - r * (np.exp(-2j * phases[0]) * X**2).real) / (1 - r**2)
    plain = nmf(V, 4, beta=0, init=(W, H), max_iter=20)
    np.testing.assert_allclose(model.reconstruct(), plain.reconstruct(), 1e-6)


@every_concentration
def test_the_objective_is_the_negative_log_likelihood(concentration):
    X, phases = spectrum(), angles(3)
    model = complex_isnmf(
        X, [0, 0, 1, 2], phases, concentration, seed=0, max_iter=3, history=True
    )
    expected = likelihood(X, model, phases, concentration)
    n = relation_of(concentration)
    assert 0 <= n < 1
    np.testing.assert_allclose(model.history[-1], expected, 1e-6)


@every_concentration
def test_sources_given_their_sum_are_those_of_real_gaussians(concentration):
    X, phases = spectrum(), angles(3)
    powers = np.random.default_rng(3).gamma(1, 1, (3, *SHAPE))
    relations = relation_of(concentration) * np.exp(2j * phases)
    own = covariances(powers, phases, concentration)
    gains = own @ np.linalg.inv(own.sum(0))
    x = np.stack([X.real, X.imag], -1)[..., None]
    means = (gains @ x)[..., 0]
    found = expected_values(X, powers, relations)
    np.testing.assert_allclose(found, means[..., 0] + 1j * means[..., 1], 1e-8)
    np.testing.assert_allclose(found.sum(0), X)
    # what the powers are fitted to is tr(Γ⁻¹ E s sᵀ) for a power of 1, halved
    second = means[..., None] * means[..., None, :] + own - gains @ own
    unit = covariances(np.ones_like(powers), phases, concentration)
    expected = np.trace(np.linalg.inv(unit) @ second, axis1=3, axis2=4) / 2
    np.testing.assert_allclose(expected_powers(X, powers, relations), expected, 1e-8)


def test_known_phases_separate_better_than_none():
    shape = 12, 200
    rng = np.random.default_rng(0)
    W, H = rng.gamma(0.5, 1, (12, 4)) + 0.01, rng.gamma(0.5, 1, (4, 200)) + 0.01
    phases, sources = angles(2, shape=shape), [0, 0, 1, 1]
    powers = np.stack([W[:, n] @ H[n] for n in ([0, 1], [2, 3])])
    images = np.sqrt(powers) * np.exp(1j * rng.vonmises(phases, 5))
    X = images.sum(0)
    scores = [
        np.mean(
            [
                *map(
                    sdr,
                    images,
                    complex_isnmf(
                        X, sources, phases, k, init=(W, H), max_iter=0
                    ).images(X),
                )
            ]
        )
        for k in (0, 5)
    ]
    assert scores[1] > scores[0] + 0.5


# ---- phases that are followed


def tone(frequency, seconds=4, sr=8000):
    """The spectrum of a steady tone, and the bins' frequencies."""
    times = np.arange(seconds * sr) / sr
    X = transform(np.cos(2 * np.pi * frequency * times), sr)
    return X, np.arange(len(X)) * 12.5


@pytest.mark.parametrize("frequency", [430, 437.5, 441.3])
def test_the_peaks_of_a_spectrum_are_found(frequency):
    X, frequencies = tone(frequency)
    found = frequencies_of_peaks(abs(X[:, 50:51]).T, frequencies)[0]
    near = abs(frequencies - frequency) < 25
    np.testing.assert_allclose(found[near], frequency, atol=0.5)


def test_a_bin_without_peaks_has_its_own_frequency():
    own = np.arange(5.0)
    assert (frequencies_of_peaks(np.ones((1, 5)), own) == own).all()


@pytest.mark.parametrize("frequency", [430, 437.5, 441.3])
@pytest.mark.parametrize("concentration", [0.5, 5])
def test_the_phase_of_a_steady_tone_is_followed(frequency, concentration):
    """Beside a source that is as good as silent, so that nothing hides it."""
    X, frequencies = tone(frequency)
    powers = np.stack([abs(X) ** 2, np.full(X.shape, 1e-9)])
    phases = unrolled_phases(X, powers, frequencies, HOP, concentration)[0]
    near = abs(frequencies - frequency) < 15
    error = np.angle(np.exp(1j * phases) * X.conj())[near, 3:-3]
    assert abs(error).max() < 0.15


def test_a_source_that_begins_is_what_the_others_leave():
    """Its phase is not known: it is the mixture's, where nothing else sounds."""
    X, frequencies = tone(430)
    X[:, :20] = 0
    powers = np.stack([abs(X) ** 2, np.full(X.shape, 1e-9)])
    phases = unrolled_phases(X, powers, frequencies, HOP, 5)[0]
    near = abs(frequencies - 430) < 15
    np.testing.assert_allclose(phases[near, 20], np.angle(X[near, 20]), atol=1e-3)


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"X": np.ones(SHAPE)}, "X has 2 axes and dtype float64"),
        ({"X": np.ones((2, *SHAPE), complex)}, "X has 3 axes"),
        ({"X": np.full(SHAPE, np.nan + 0j)}, "X has NaN"),
        ({"sources": []}, "sources is empty"),
        ({"fixed": ("spectra",)}, "fixed"),
        ({"max_iter": -1}, "max_iter"),
        ({"init": (None,)}, "init has 1 factors"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    given = {"X": spectrum(), "sources": [0, 1]} | arguments
    with pytest.raises(ValueError, match=named):
        complex_nmf(**given)
    with pytest.raises(ValueError, match=named):
        complex_isnmf(**given, phases=angles(2))


@pytest.mark.parametrize("concentration", [-1, np.nan, np.inf])
def test_a_concentration_is_a_number(concentration):
    with pytest.raises(ValueError, match="concentration"):
        complex_isnmf(spectrum(), [0, 1], angles(2), concentration)


@pytest.mark.parametrize(("dtype", "most"), [("c8", 1e3), ("c16", 1e7)])
def test_phases_are_known_no_better_than_numbers_are(dtype, most):
    X = spectrum().astype(dtype)
    told = [0, 0, 1], angles(2)
    options = {"seed": 0, "max_iter": 30, "history": True}
    history = complex_isnmf(X, *told, most, **options).history
    assert np.diff(history).max() <= 1e-2 * X.size
    with pytest.raises(ValueError, match=f"precision of {X.dtype}; give less"):
        complex_isnmf(X, *told, 10 * most, **options)


def test_phases_are_one_a_source():
    with pytest.raises(ValueError, match="init's phases has shape"):
        complex_isnmf(spectrum(), [0, 1, 2], angles(2))
