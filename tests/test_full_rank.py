"""Multichannel NMF of full rank: descent, special cases, and what it recovers."""

import numpy as np
import pytest
from complex_spectra import KINDS, channels, channels_of_kind, gaussian, sdr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.lowrank import full_rank_nmf, multichannel_nmf, nmf

FACTORS = "spectra", "activations", "covariances"


def parts_of(model):
    of = np.unique(model.labels, return_inverse=True)[1]
    W, H = model.spectra, model.activations
    return np.stack([W[:, of == n] @ H[of == n] for n in range(of.max() + 1)])


def likelihood(X, model):
    """Minus its logarithm, of Gaussian vectors with these covariances, and noise."""
    total, parts = 0, parts_of(model)
    noise = 1e-8 * (abs(X) ** 2).mean((0, 2))[:, None, None] * np.eye(len(X))
    for f, t in np.ndindex(X.shape[1:]):
        covariance = np.tensordot(parts[:, f, t], model.covariances[:, f], 1)
        covariance, x = covariance + noise[f], X[:, f, t]
        total += (x.conj() @ np.linalg.solve(covariance, x)).real
        total += np.linalg.slogdet(covariance)[1]
    return total


def diffuse(n_sources=3, n_channels=2, n_rows=16, n_frames=600, seed=0):
    """Images, and powers and covariances of full rank that no transform shares."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.3, 1, (n_sources, n_rows, 2)) + 1e-3
    H = rng.gamma(0.2, 1, (n_sources, 2, n_frames)) + 1e-4
    A = gaussian(rng, (n_sources, n_rows, n_channels, n_channels))
    signals = gaussian(rng, (n_sources, n_rows, n_channels, n_frames))
    images = (A @ signals) * np.sqrt(W @ H)[:, :, None]
    spectra, activations = np.concatenate([*W], 1), np.concatenate([*H])
    return images.swapaxes(1, 2), spectra, activations, A @ A.conj().mT


# ---- the reference: the updates of Sawada et al. 2013 as they are printed


def root_of(A):
    values, vectors = np.linalg.eigh(A)
    return (vectors * np.sqrt(values)) @ vectors.conj().T


def one_iteration(X, of, W, H, R):
    """Activations, spectra and covariances in turn, one entry after the other."""
    W, H, R = W.copy(), H.copy(), R.copy()
    M, F, T = X.shape

    def inverse(f, t):
        total = sum(W[f, k] * H[k, t] * R[of[k], f] for k in range(len(of)))
        return np.linalg.inv(total)

    def traces(k, f, t):
        K, x = inverse(f, t), X[:, f, t, None]
        data = K @ x @ x.conj().T @ K
        place = R[of[k], f]
        return np.trace(data @ place).real, np.trace(K @ place).real

    terms = {kft: traces(*kft) for kft in np.ndindex(len(of), F, T)}
    for k, t in np.ndindex(H.shape):
        P, Q = (sum(W[f, k] * terms[k, f, t][i] for f in range(F)) for i in (0, 1))
        H[k, t] *= np.sqrt(P / Q)
    terms = {kft: traces(*kft) for kft in np.ndindex(len(of), F, T)}
    for f, k in np.ndindex(W.shape):
        P, Q = (sum(H[k, t] * terms[k, f, t][i] for t in range(T)) for i in (0, 1))
        W[f, k] *= np.sqrt(P / Q)
    moved = np.empty_like(R)
    for n, f in np.ndindex(R.shape[:2]):
        A, B = np.zeros((M, M), complex), np.zeros((M, M), complex)
        for t in range(T):
            power = sum(W[f, k] * H[k, t] for k in range(len(of)) if of[k] == n)
            K, x = inverse(f, t), X[:, f, t, None]
            A += power * K
            B += power * R[n, f] @ K @ x @ x.conj().T @ K @ R[n, f]
        root = root_of(A)
        back = np.linalg.inv(root)
        moved[n, f] = back @ root_of(root @ B @ root) @ back  # R A R = B
    return W, H, moved


@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_an_iteration_is_that_of_the_paper(n_channels):
    X = channels(n=n_channels, shape=(3, 7))
    start = full_rank_nmf(X, [0, 0, 1], seed=0, max_iter=0)
    begun = [getattr(start, name) for name in FACTORS]
    expected = one_iteration(X, [0, 0, 1], *begun)
    model = full_rank_nmf(X, [0, 0, 1], init=begun, max_iter=1)
    for name, factor in zip(FACTORS, expected, strict=True):
        np.testing.assert_allclose(getattr(model, name), factor, 1e-6, 1e-9)


# ---- descent


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    n_channels=st.integers(1, 4),
    n_frames=st.integers(1, 12),
    n_sources=st.integers(1, 4),
    dtype=st.sampled_from([np.complex64, np.complex128]),
    fixed=st.sets(st.sampled_from(FACTORS), max_size=2),
    kind=st.sampled_from([*KINDS, "copies"]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_it_never_rises(
    seed, n_channels, n_frames, n_sources, dtype, fixed, kind, scale
):
    """With fewer frames than channels, too, whose covariances become singular."""
    X = channels_of_kind(kind, seed, n_channels, scale)[..., :n_frames]
    if kind == "copies":
        X[:] = X[:1]
    model = full_rank_nmf(
        X.astype(dtype),
        np.repeat(np.arange(n_sources), 2),
        fixed=fixed,
        seed=seed,
        max_iter=15,
        history=True,
    )
    assert np.isfinite(model.history).all()
    assert np.diff(model.history).max() <= 1e-6 * X.size
    R = model.covariances
    np.testing.assert_allclose(R, R.conj().mT, 1e-12)
    assert np.linalg.eigvalsh(R).min() >= -1e-14 * abs(R).max()
    images = model.images(X)
    np.testing.assert_allclose(images.sum(0), X, atol=1e-4 * abs(X).max())


def test_the_objective_is_the_negative_log_likelihood():
    X = 1e-3 * channels(n=3)
    model = full_rank_nmf(X, [0, 0, 1, 2], seed=0, max_iter=5, history=True)
    np.testing.assert_allclose(model.history[-1], likelihood(X, model), 1e-6)


@pytest.mark.parametrize("name", FACTORS)
def test_each_factor_ends_where_the_gradient_is_zero(name):
    """By finite differences of the likelihood, which knows nothing of the updates."""
    images, *factors = diffuse(2, n_rows=3, n_frames=40, seed=1)
    X, start = images.sum(0), dict(zip(FACTORS, factors, strict=True))
    fixed, start[name] = {*FACTORS} - {name}, None
    model = full_rank_nmf(
        X, [0, 0, 1, 1], init=[*start.values()], fixed=fixed, seed=0, max_iter=3000
    )
    factor = getattr(model, name)
    if name == "covariances":  # whatever is done to what goes through them
        units = [
            turn * np.eye(4)[i].reshape(2, 2) for turn in (1, 1j) for i in range(4)
        ]
    else:
        units = [1.0]

    def moved(was, unit, step):
        if name != "covariances":
            return was * (1 + step * unit)
        A = np.eye(2) + step * unit
        return A @ was @ A.conj().T

    for at in np.ndindex(factor.shape[:2]):
        was = factor[at].copy()
        for unit in units:
            values = []
            for step in (1e-6, -1e-6):
                factor[at] = moved(was, unit, step)
                values.append(likelihood(X, model))
            factor[at] = was
            assert abs(values[0] - values[1]) / 2e-6 < 0.01


# ---- special cases


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_one_channel_is_an_nmf_of_powers(dtype):
    X = channels(n=1).astype(dtype) + dtype(0.1)
    W, H = (np.random.default_rng(1).random(s) + 0.1 for s in ((8, 4), (4, 12)))
    start = W, H, np.ones((2, 8, 1, 1))
    options = {"init": start, "fixed": ("covariances",), "max_iter": 20}
    model = full_rank_nmf(X, [0, 0, 1, 1], **options)
    plain = nmf(np.abs(X[0]) ** 2, 4, beta=0, init=(W, H), max_iter=20)
    np.testing.assert_allclose(model.reconstruct(), plain.reconstruct(), 1e-3)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-3)
    # and the filter is the plain Wiener filter
    powers = np.stack(
        [plain.reconstruct([1, 1, 0, 0]), plain.reconstruct([0, 0, 1, 1])]
    )
    wiener = powers / powers.sum(0) * X[0]
    np.testing.assert_allclose(model.images(X)[:, 0], wiener, 1e-3, 1e-4)


@pytest.mark.parametrize("n_channels", [2, 3])
def test_covariances_with_one_transform_have_the_likelihood_of_fastmnmf(n_channels):
    """From there on it finds what FastMNMF cannot say."""
    labels, ratios = [0, 0, 1, 2], []
    for seed in range(5):
        X = channels(seed, n=n_channels, shape=(4, 100))
        for n_iter in (3, 300):
            joint = multichannel_nmf(X, labels, seed=0, max_iter=n_iter, history=True)
            start = joint.spectra, joint.activations, joint.covariances
            model = full_rank_nmf(X, labels, init=start, max_iter=30, history=True)
            if n_iter == 3:
                np.testing.assert_allclose(model.history[0], joint.history[-1], 1e-5)
                held = full_rank_nmf(X, labels, init=start, max_iter=0)
                np.testing.assert_allclose(held.images(X), joint.images(X), 1e-4, 1e-5)
        further = multichannel_nmf(
            X, labels, init=factors(joint), max_iter=30, history=True
        )
        gained, others = (m.history[0] - m.history[-1] for m in (model, further))
        ratios.append(gained / others)
    assert np.median(ratios) > 2


def factors(joint):
    return joint.spectra, joint.activations, joint.powers, joint.demixing


def test_a_filter_of_one_place_is_a_mask_in_all_channels():
    """Where sources differ in nothing but their powers, also for softer ones."""
    X = channels()
    place = np.tile([[2, 0.5j], [-0.5j, 1]], (2, 8, 1, 1))
    start = (None, None, place)
    model = full_rank_nmf(X, [0, 1], init=start, seed=0, max_iter=0)
    parts = parts_of(model)
    for exponent in (0.35, 1):
        masks = parts**exponent / (parts**exponent).sum(0)
        np.testing.assert_allclose(
            model.images(X, exponent), masks[:, None] * X, 1e-6, 1e-9
        )


# ---- recovery


def test_covariances_are_recovered_where_powers_are_known():
    images, W, H, R = diffuse(n_frames=4000)
    X, labels = images.sum(0), np.repeat([0, 1, 2], 2)
    start, held = (W, H, None), ("spectra", "activations")
    model = full_rank_nmf(X, labels, init=start, fixed=held, seed=0, max_iter=100)
    error = np.linalg.norm(model.covariances - R, axis=(2, 3))
    assert np.median(error / np.linalg.norm(R, axis=(2, 3))) < 0.1


def test_diffuse_sources_are_found_that_no_transform_tells_apart():
    """From the same known spectra, beside FastMNMF, and beside the true model."""
    images, W, H, R = diffuse()
    X, labels = images.sum(0), np.repeat([0, 1, 2], 2)
    options = {"fixed": ("spectra",), "seed": 0, "max_iter": 150}
    full = full_rank_nmf(X, labels, init=(W, None, None), **options)
    joint = multichannel_nmf(X, labels, init=(W, None, None, None), **options)
    known = full_rank_nmf(X, labels, init=(W, H, R), max_iter=0)
    scores = [
        np.mean([*map(sdr, images, model.images(X))]) for model in (joint, full, known)
    ]
    assert scores[0] < scores[1]
    assert scores[1] > scores[2] - 1


# ---- components, and what is refused


def test_a_component_is_muted_by_its_gain():
    X = channels()
    model = full_rank_nmf(X, [0, 0, 1], seed=0, max_iter=5)
    parts = sum(model.reconstruct(gains) for gains in np.eye(3))
    np.testing.assert_allclose(parts, model.reconstruct())
    heard = np.trace(model.covariances, axis1=2, axis2=3).real / 2
    expected = heard[1][:, None] * model.spectra[:, 2:] @ model.activations[2:]
    np.testing.assert_allclose(model.reconstruct([0, 0, 1]), expected)
    assert model.n_parameters == 8 * 3 + 3 * 12 + 2 * 8 * 4


def test_silence_stays_finite():
    model = full_rank_nmf(0 * channels(), [0, 1], seed=0, history=True)
    assert np.isfinite(model.history).all()
    assert np.isfinite(model.images(channels())).all()


@pytest.mark.parametrize("n_channels", [2, 3])
def test_what_a_start_of_rank_one_does_not_hear_is_not_found(n_channels):
    X = channels(n=n_channels)
    rng = np.random.default_rng(0)
    places = rng.normal(size=(2, 8, n_channels, 1)) + 1j
    start = None, None, places @ places.conj().mT
    options = {"seed": 0, "max_iter": 20, "history": True}
    for sources in ([0, 0, 1, 1], [0, 1]):  # the data hears more than they do
        model = full_rank_nmf(X, sources, init=start, **options)
        values = np.linalg.eigvalsh(model.covariances)
        assert (abs(values[..., :-1]) <= 1e-12 * values[..., -1:]).all()
        assert np.diff(model.history).max() <= 1e-7 * abs(model.history[0])


def test_a_source_that_is_silent_stays_where_it_is():
    X = channels()
    W = np.stack([np.ones(8), np.zeros(8)], 1)
    model = full_rank_nmf(
        X, [0, 1], init=(W, None, None), seed=0, max_iter=5, history=True
    )
    assert np.isfinite(model.history).all()
    assert abs(model.images(X)[1]).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"X": np.ones((2, 8, 12))}, "X has 3 axes and dtype float64"),
        ({"X": np.ones((8, 12), complex)}, "X has 2 axes"),
        ({"X": np.full((2, 8, 12), np.nan + 0j)}, "X has NaN"),
        ({"sources": []}, "sources is empty"),
        ({"fixed": ("demixing",)}, "fixed"),
        ({"max_iter": -1}, "max_iter"),
        ({"init": (None, None)}, "init has 2 factors"),
        ({"init": (np.ones((8, 2)), None, None)}, "init's spectra has shape"),
        ({"init": (None, -np.ones((3, 12)), None)}, "init's activations has NaN"),
        (
            {"init": (None, None, np.tile([[1, 2], [2, 1]], (3, 8, 1, 1)))},
            "init's covariances are not Hermitian and positive semidefinite",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    given = {"X": channels(), "sources": [0, 1, 2]}
    with pytest.raises(ValueError, match=named):
        full_rank_nmf(**given | arguments)
