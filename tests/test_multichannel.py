"""Multichannel NMF: descent, special cases, what it recovers, and its peers."""

import sys

import numpy as np
import pytest
from complex_spectra import KINDS, channels, channels_of_kind, gaussian, sdr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.lowrank import beta_divergence, multichannel_nmf, nmf

FACTORS = "spectra", "activations", "powers", "demixing"
FILTERS = "powers", "demixing"


def places(n_sources, n_channels, n_rows):
    """Powers of 1, and a transform that does nothing."""
    one = np.ones((n_sources, n_channels, n_rows))
    return one, np.tile(np.eye(n_channels), (n_rows, 1, 1))


def factors_of(model):
    return [getattr(model, name) for name in FACTORS]


def likelihood(X, model):
    """Minus its logarithm, of Gaussian vectors with these covariances."""
    total = 0
    labels = np.unique(model.labels, return_inverse=True)[1]
    for f in range(X.shape[1]):
        for t in range(X.shape[2]):
            powers = model.spectra[f] * model.activations[:, t]
            covariance = np.tensordot(powers, model.covariances[labels, f], 1)
            x = X[:, f, t]
            total += (x.conj() @ np.linalg.solve(covariance, x)).real
            total += np.linalg.slogdet(covariance)[1]
    return total


def test_the_objective_is_the_negative_log_likelihood():
    X = 1e-3 * channels(n=3)
    model = multichannel_nmf(X, [0, 0, 1, 2], seed=0, max_iter=5, history=True)
    np.testing.assert_allclose(model.history[-1], likelihood(X, model), 1e-6)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    n_channels=st.integers(1, 3),
    n_sources=st.integers(1, 4),
    dtype=st.sampled_from([np.complex64, np.complex128]),
    fixed=st.sets(st.sampled_from(FACTORS), max_size=3),
    shared=st.sets(st.sampled_from(FILTERS)),
    kind=st.sampled_from(KINDS),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_it_never_rises(seed, n_channels, n_sources, dtype, fixed, shared, kind, scale):
    X = channels_of_kind(kind, seed, n_channels, scale)
    model = multichannel_nmf(
        X.astype(dtype),
        np.repeat(np.arange(n_sources), 2),
        fixed=fixed,
        shared=shared,
        seed=seed,
        max_iter=15,
        history=True,
    )
    precision = 1e-4 if dtype == np.complex64 else 1e-8
    if kind == "copy":  # covariances are as ill-conditioned as the noise is low
        precision = max(precision, 1e-6)
    assert np.isfinite(model.history).all()
    assert np.diff(model.history).max() <= precision * X.size


@pytest.mark.parametrize("shared", [(), ("powers",), ("powers", "demixing")])
@pytest.mark.parametrize("name", FACTORS)
def test_each_factor_ends_where_the_gradient_is_zero(name, shared):
    """By finite differences of the likelihood, which knows nothing of the updates."""
    X = channels(shape=(3, 8))
    others = {"spectra", "activations", "powers", "demixing"} - {name}
    options = {"fixed": others, "shared": shared, "seed": 0}
    model = multichannel_nmf(X, [0, 0, 1], max_iter=2000, **options)
    factor = getattr(model, name)
    step = 1e-6 * abs(factor).max()

    def rise(at, move):
        was = factor[at]
        factor[at] = was + move
        moved = likelihood(X, model)
        factor[at] = was
        return moved - least

    least = likelihood(X, model)
    for at in np.ndindex(factor.shape):
        for move in (step, 1j * step) if name == "demixing" else (step,):
            slope = (rise(at, move) - rise(at, -move)) / (2 * step)
            if name == "demixing":
                assert abs(slope) < 1e-3
            else:  # it may be above zero where the factor may not go below
                assert slope > -1e-3
                assert slope * factor[at] < 1e-3


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_one_channel_is_an_nmf_of_powers(dtype):
    X = channels(n=1).astype(dtype) + dtype(0.1)
    W, H = (np.random.default_rng(1).random(s) + 0.1 for s in ((8, 4), (4, 12)))
    model = multichannel_nmf(
        X,
        [0, 0, 1, 1],
        init=(W, H, *places(2, 1, 8)),
        fixed=FILTERS,
        max_iter=20,
    )
    plain = nmf(np.abs(X[0]) ** 2, 4, beta=0, init=(W, H), max_iter=20)
    np.testing.assert_allclose(model.reconstruct(), plain.reconstruct(), 1e-3)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-3)
    # and the filter is the plain Wiener filter
    powers = np.stack(
        [plain.reconstruct([1, 1, 0, 0]), plain.reconstruct([0, 0, 1, 1])]
    )
    wiener = powers / powers.sum(0) * X[0]
    np.testing.assert_allclose(model.images(X)[:, 0], wiener, 1e-3, 1e-4)


def test_channels_that_have_nothing_in_common_are_nmfs_of_their_own():
    """ILRMA without its demixing: each source is one channel."""
    X = channels(n=2) + 0.1
    W, H = (np.random.default_rng(1).random(s) + 0.1 for s in ((8, 4), (4, 12)))
    _, identity = places(2, 2, 8)
    powers = np.tile(np.eye(2)[..., None], (1, 1, 8))
    start = W, H, powers, identity
    model = multichannel_nmf(
        X, [0, 0, 1, 1], init=start, fixed=FILTERS, max_iter=20, history=True
    )
    total = 0
    for n, own in enumerate((slice(0, 2), slice(2, 4))):
        V = np.abs(X[n]) ** 2
        plain = nmf(V, 2, beta=0, init=(W[:, own], H[own]), max_iter=20)
        total += beta_divergence(V, plain, 0) + np.log(V).sum() + V.size
        np.testing.assert_allclose(model.images(X)[n, n], X[n], 1e-6)
    np.testing.assert_allclose(model.history[-1], total, 1e-6)


def simulated(n_sources, n_channels, n_rows=24, n_frames=400, seed=0):
    """Images (N, M, F, T) of sources of rank 2 that sound by turns, in a room."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.3, 1, (n_sources, n_rows, 2)) + 1e-3
    H = rng.gamma(0.2, 1, (n_sources, 2, n_frames)) + 1e-4
    signals = np.sqrt(W @ H) * gaussian(rng, (n_sources, n_rows, n_frames))
    steering = gaussian(rng, (n_sources, n_channels, n_rows))
    return steering[..., None] * signals[:, None]


def best_of(X, labels, **options):
    models = [
        multichannel_nmf(X, labels, seed=seed, history=True, **options)
        for seed in range(4)
    ]
    return min(models, key=lambda model: model.history[-1])


def test_as_many_sources_as_channels_are_recovered():
    images = simulated(2, 2)
    X = images.sum(0) + 1e-3 * channels(1, 2, images.shape[2:])
    _, identity = places(2, 2, 24)
    powers = np.tile(np.eye(2)[..., None], (1, 1, 24))
    model = best_of(  # ILRMA
        X,
        [0, 0, 1, 1],
        init=(None, None, powers, identity),
        fixed=("powers",),
        max_iter=150,
    )
    found = model.images(X)
    np.testing.assert_allclose(found.sum(0), X, atol=1e-6)
    orders = [[*map(sdr, images, found[::order])] for order in (1, -1)]
    assert np.max(np.min(orders, 1)) > 20


def test_known_spectra_find_more_sources_than_channels():
    """Three in two channels: spectra that are held say which is which."""
    images = simulated(3, 2, seed=3)
    X = images.sum(0)
    rng = np.random.default_rng(3)
    W = np.concatenate([*(rng.gamma(0.3, 1, (3, 24, 2)) + 1e-3)], 1)
    labels = np.repeat(["a", "b", "c"], 2)
    start = (W, None, None, None)
    model = best_of(X, labels, init=start, fixed=("spectra",), max_iter=100)
    one = multichannel_nmf(
        X,
        labels,
        init=(W, None, *places(3, 2, 24)),
        fixed=("spectra", *FILTERS),
        seed=0,
    )
    scores, plain = (np.mean([*map(sdr, images, m.images(X))]) for m in (model, one))
    assert scores > plain + 1.5


def test_a_component_is_muted_by_its_gain():
    X = channels()
    model = multichannel_nmf(X, [0, 0, 1], seed=0, max_iter=5)
    parts = sum(model.reconstruct(gains) for gains in np.eye(3))
    np.testing.assert_allclose(parts, model.reconstruct())
    np.testing.assert_allclose(model.loudness().sum(0), parts.sum(0))
    heard = np.trace(model.covariances, axis1=2, axis2=3).real / 2
    expected = heard[1][:, None] * model.spectra[:, 2:] @ model.activations[2:]
    np.testing.assert_allclose(model.reconstruct([0, 0, 1]), expected)
    assert model.n_parameters == 8 * 3 + 3 * 12 + 2 * 2 * 8 + 2 * 8 * 4


def test_its_fit_is_of_the_powers_that_are_heard():
    X = channels(shape=(12, 300))
    model = multichannel_nmf(X, [0, 0, 1, 1], seed=0, max_iter=60)
    powers = (np.abs(X) ** 2).mean(0)
    np.testing.assert_allclose(model.reconstruct().mean(1), powers.mean(1), 0.1)


def test_filters_below_one_are_softer():
    X = channels()
    model = multichannel_nmf(X, [0, 1, 2], seed=0, max_iter=20)
    equal = abs(model.images(X, 1e-9) - X / 3).max()
    assert equal < 1e-6
    for exponent in (0.5, 1):
        np.testing.assert_allclose(model.images(X, exponent).sum(0), X, 1e-8)


# ---- a peer


def peers_and_ours(peer, X, labels, as_ours, seed, fixed=(), **options):
    """The likelihoods of a function of pyroomacoustics, and of ours from its start.

    The peer's are those of what it knows each ten iterations.
    """
    known = []

    def callback(_):
        inside = sys._getframe(1).f_locals
        known.append({k: np.array(v) for k, v in inside.items() if k[:1].isupper()})

    np.random.seed(seed)  # noqa: NPY002  it draws from there
    spectra = X.transpose(2, 1, 0).copy()
    peer(spectra, n_iter=101, n_components=2, callback=callback, **options)
    runs = [
        multichannel_nmf(
            X, labels, init=as_ours(k), fixed=fixed, max_iter=n, history=True
        )
        for k, n in [(known[0], 100), *((k, 0) for k in known)]
    ]
    ours, *theirs = (run.history for run in runs)
    assert ours[0] == theirs[0][0]
    return np.concatenate(theirs), ours


def assert_as_low(pairs):
    """Over some starts, as each finds local minima of its own."""
    theirs = np.mean([theirs.min() for theirs, _ in pairs])  # they may rise
    start, ours = (np.mean([ours[at] for _, ours in pairs]) for at in (0, -1))
    assert theirs < start
    assert ours < theirs + 0.01 * (start - theirs)


def test_it_goes_as_low_as_the_peers_fastmnmf():
    bss = pytest.importorskip("pyroomacoustics.bss")
    images = simulated(3, 2, n_rows=16, n_frames=100)
    # loud, beside the constants that the peer adds
    X = 1e3 * (images.sum(0) + 0.1 * channels(1, 2, images.shape[2:]))

    def as_ours(k):
        activations = np.concatenate([*k["H_NKT"]])
        powers = k["G_NFM"].swapaxes(1, 2)
        return np.concatenate([*k["W_NFK"]], 1), activations, powers, k["Q_FMM"]

    labels = np.repeat([0, 1, 2], 2)
    assert_as_low(
        [
            peers_and_ours(bss.fastmnmf, X, labels, as_ours, seed, n_src=3)
            for seed in range(5)
        ]
    )


def test_it_goes_as_low_as_the_peers_ilrma():
    bss = pytest.importorskip("pyroomacoustics.bss")
    images = simulated(2, 2, n_rows=16, n_frames=100)
    X = images.sum(0) + 0.1 * channels(1, 2, images.shape[2:])
    powers = np.tile(np.eye(2)[..., None], (1, 1, 16))

    def as_ours(k):
        activations = np.concatenate([*k["V"].swapaxes(1, 2)])
        return np.concatenate([*k["T"]], 1), activations, powers, k["W"]

    told = bss.ilrma, X, [0, 0, 1, 1], as_ours
    options = {"fixed": ("powers",), "proj_back": False}
    assert_as_low([peers_and_ours(*told, seed, **options) for seed in range(5)])


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"X": np.ones((2, 8, 12))}, "X has 3 axes and dtype float64"),
        ({"X": np.ones((8, 12), complex)}, "X has 2 axes"),
        ({"X": np.full((2, 8, 12), np.nan + 0j)}, "X has NaN"),
        ({"sources": []}, "sources is empty"),
        ({"fixed": ("templates",)}, "fixed"),
        ({"shared": ("spectra",)}, "shared"),
        ({"max_iter": -1}, "max_iter"),
        ({"init": (None, None)}, "init has 2 factors"),
        ({"init": (np.ones((8, 2)), None, None, None)}, "init's spectra has shape"),
        ({"init": (-np.ones((8, 3)), None, None, None)}, "init's spectra has NaN"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    given = {"X": channels(), "sources": [0, 1, 2]}
    with pytest.raises(ValueError, match=named):
        multichannel_nmf(**given | arguments)


def test_silence_stays_finite():
    model = multichannel_nmf(0 * channels(), [0, 1], seed=0, history=True)
    assert np.isfinite(model.history).all()
    assert np.isfinite(model.images(channels())).all()
