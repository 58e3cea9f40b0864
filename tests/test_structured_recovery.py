"""What structured models find: patterns, envelopes, filters, melodies, vibrato."""

import numpy as np
import pytest
import reference_factorization as reference

from musaic_core.lowrank import (
    Sparsity,
    beta_divergence,
    convolutive_nmf,
    filtered_nmf,
    harmonic_nmf,
    nmf,
    shift_invariant_nmf,
)


def cosine(a, b):
    return (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)


def patterns(seed=0):
    """A matrix of two patterns of six frames, which set in now and then."""
    rng = np.random.default_rng(seed)
    patches = rng.gamma(0.3, 1, (30, 2, 6))
    H = rng.gamma(1, 1, (2, 200)) * (rng.random((2, 200)) < 0.1)
    return reference.convolution(patches, H) + 1e-4, patches


def congruence(patch, found):
    """The cosine of two patches, whenever in their frames they begin."""
    L = found.shape[1]
    padded = np.pad(patch, ((0, 0), (L, L)))
    return max(cosine(padded[:, s : s + L], found) for s in range(1, 2 * L - 2))


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_patterns_that_last_are_recovered(beta):
    V, patches = patterns()
    options = {"beta": beta, "update": "mu-extrapolated", "max_iter": 400}
    runs = [convolutive_nmf(V, 2, 8, seed=seed, **options) for seed in range(4)]
    best = min(runs, key=lambda m: beta_divergence(V, m.reconstruct(), beta))
    for c in range(2):
        found = [congruence(patches[:, c], best.patches[:, k]) for k in range(2)]
        assert max(found) > 0.99


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_envelopes_are_recovered(beta):
    rng = np.random.default_rng(0)
    spectra = np.zeros((60, 3, 4))
    for p in range(3):
        for k in range(4):  # partials of three pitches
            spectra[(p + 7) * (k + 1), p, k] = 1
    E, H = rng.gamma(1, 1, (3, 4)) + 0.1, rng.gamma(0.5, 1, (3, 100)) + 1e-3
    V = np.einsum("fpk,pk->fp", spectra, E) @ H + 1e-6
    model = harmonic_nmf(
        V, spectra, beta=beta, update="mu-extrapolated", seed=0, max_iter=500
    )
    for p in range(3):
        assert cosine(model.envelope[p], E[p]) > 0.999


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_a_filter_is_recovered(beta):
    rng = np.random.default_rng(0)
    places = np.linspace(0, 1, 60)
    responses = np.maximum(0, 1 - 5 * np.abs(places[:, None] - np.linspace(0, 1, 6)))
    patches = rng.gamma(0.2, 1, (60, 5, 4))
    filter, H = rng.gamma(1, 1, 6) + 0.1, rng.gamma(0.5, 1, (5, 100)) + 1e-3
    V = (responses @ filter)[:, None] * reference.convolution(patches, H) + 1e-6
    model = filtered_nmf(
        V, patches, responses, beta=beta, update="mu-extrapolated", max_iter=500
    )
    assert cosine(model.filter, filter) > 0.999
    np.testing.assert_allclose(model.response, responses @ model.filter)


@pytest.mark.parametrize("init", ["nndsvd", "data"])
def test_starts_from_the_data_are_nearer_to_it(init):
    V, _ = patterns()
    near, far = (
        convolutive_nmf(V, 2, 6, init=how, seed=0, max_iter=5).reconstruct()
        for how in (init, "random")
    )
    assert beta_divergence(V, near) < beta_divergence(V, far)


def test_a_gain_is_that_of_what_sets_in():
    V, _ = patterns()
    model = convolutive_nmf(V, 2, 6, seed=0, max_iter=5)
    gains = np.zeros((2, 200))
    gains[:, :50] = 1
    found = model.reconstruct(gains)
    assert (found[:, 55:] == 0).all()
    np.testing.assert_allclose(found[:, :50], model.reconstruct()[:, :50])
    norms = np.linalg.norm(model.patches, axis=(0, 2))
    np.testing.assert_allclose(
        model.along_last_mode(), (model.activations * norms[:, None]).T
    )


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_a_melody_of_one_pattern_is_followed(beta):
    # two instruments, each with one spectrum that it plays at nine heights
    rng = np.random.default_rng(0)
    spectra = np.zeros((40, 2))
    spectra[[0, 12, 19, 24], 0] = 1, 0.8, 0.1, 0.3
    spectra[[2, 9, 14, 21], 1] = 0.3, 1, 0.2, 0.7
    heights = rng.integers(0, 9, (2, 150))
    impulses = np.zeros((2, 9, 150))
    for c in range(2):
        impulses[c, heights[c], np.arange(150)] = rng.gamma(2, 1, 150)
    V = reference.shift_invariance(range(9), spectra[:, :, None], impulses) + 1e-6
    mask = {"patches": np.arange(40)[:, None, None] < 30 + np.zeros((1, 2, 1))}
    runs = [
        shift_invariant_nmf(
            V,
            2,
            range(9),
            beta=beta,
            mask=mask,
            penalties={"impulses": Sparsity(0.01)},
            update="mu-extrapolated",
            seed=seed,
            max_iter=300,
        )
        for seed in range(10)
    ]
    best = min(runs, key=lambda model: model.objective)
    found = best.impulses.argmax(1)
    # which is which, and from where a pattern counts its heights, is free
    steps = [
        np.median(np.abs(found[[a, b]] - heights), axis=1) for a, b in ((0, 1), (1, 0))
    ]
    a, b = ((0, 1), (1, 0))[int(np.sum(steps[1]) < np.sum(steps[0]))]
    for c, k in ((0, a), (1, b)):
        offset = np.bincount(found[k] - heights[c] + 9).argmax() - 9
        assert np.mean(found[k] - heights[c] == offset) > 0.95


def test_vibrato_is_a_shift_and_asks_for_no_other_template():
    # a spectrum of broad peaks that moves by a row and a half up and down
    places, t = np.arange(60), np.arange(120)
    depth = 1.5 * np.sin(2 * np.pi * t / 17)
    peaks = np.array([8, 20, 27, 32])[:, None, None]
    V = np.exp(-0.5 * ((places[:, None] - peaks - depth) / 1.2) ** 2).sum(0) + 1e-6
    moving = shift_invariant_nmf(V, 1, range(-2, 3), seed=0, max_iter=300)
    still = nmf(V, 1, seed=0, max_iter=300)
    assert moving.objective < 0.05 * still.objective
    heard = (moving.impulses[0] * np.arange(-2, 3)[:, None]).sum(0)
    heard /= moving.activations[0]
    assert np.corrcoef(heard, depth)[0, 1] > 0.99
