"""Networks that separate stems by masks: what they are given, and what they give."""

import numpy as np
import pytest
import torch
from conftest import MINI
from solving import plugin, solve

from musaic_core.benchmark import solver as base
from musaic_core.data.corpus import read_corpus
from musaic_core.data.errors import InputError
from musaic_core.learned import deep_clustering, masks, mixing
from musaic_core.learned.deep_clustering import DIMENSIONS, DeepClustering
from musaic_core.learned.open_unmix import OpenUnmix
from musaic_core.learned.unet import UNet
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.separation.wiener import bin_frequencies

FRAME = 0.04
FREQUENCIES = np.arange(120) * 50.0
LABELS = ["high", "low"]


@pytest.fixture(scope="module", autouse=True)
def short_examples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "LENGTH", 32)
        patch.setattr(mixing, "CHECKED", 4)
        yield


def song(seed, n_frames=60):
    """Noise in bursts: one stem above 2 kHz, one below."""
    rng = np.random.default_rng(seed)
    stems = {}
    for name, rows in (("high", slice(40, 120)), ("low", slice(2, 40))):
        V = np.zeros((120, n_frames, 1), np.float32)
        V[rows] = rng.rayleigh(1, V[rows].shape) * (rng.random((n_frames, 1)) < 0.7)
        stems[name] = V
    return stems


SONGS = [(f"song {k}", song(k)) for k in range(3)]


def fit(songs=SONGS, labels=LABELS, steps=2, seed=0):
    options = {"frequencies": FREQUENCIES, "frame": FRAME, "seed": seed}
    return masks.fit(UNet, songs, labels=labels, steps=steps, **options)


def describe(V, state, power=2):
    return masks.describe(UNet, V, state, 2, power)


@pytest.fixture(scope="module")
def state():
    return fit(steps=2)


@pytest.mark.parametrize("network", [UNet, OpenUnmix])
def test_networks_are_small_and_their_masks_sum_to_one(network):
    built = network(bin_frequencies(), 4).eval()
    assert sum(p.numel() for p in built.parameters()) < 400_000
    with torch.no_grad():
        found = built(torch.rand(2, 800, 30))
    assert found.shape == (2, 4, 800, 30)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(1), torch.ones(2, 800, 30))


def test_bands_are_narrow_where_rows_are_and_interpolate_to_them():
    bands = masks.Bands(bin_frequencies())
    assert bands.n_bands < 200
    torch.testing.assert_close(bands._mean.sum(1), torch.ones(bands.n_bands))
    assert (bands._share[1:40].argmax(1).diff() == 1).all()  # a band a row to 500 Hz
    hz = torch.tensor(bin_frequencies(), dtype=torch.float32)[:, None]
    back = bands.to_rows(bands._mean @ hz)
    torch.testing.assert_close(back[5:790], hz[5:790], rtol=0.02, atol=0)


@pytest.mark.parametrize("power", [0.7, 2])
def test_powers_of_what_is_described_sum_to_those_of_the_mixture(state, power):
    rng = np.random.default_rng(0)
    for shape in ((120, 21), (120, 40, 2), (90, 17, 1)):  # the last at a low rate
        V = rng.rayleigh(1, shape).astype(np.float32)
        stems = describe(V, state, power)
        assert stems.shape == (2, *shape)
        assert (stems >= 0).all()
        np.testing.assert_allclose((stems**power).sum(0), V**power, rtol=1e-4)
    assert not describe(np.zeros((120, 20)), state).any()


def test_a_long_recording_is_described_in_blocks_as_at_once(state, monkeypatch):
    V = np.random.default_rng(0).rayleigh(1, (120, 500)).astype(np.float32)
    whole = describe(V, state)
    monkeypatch.setattr(masks, "BLOCK", 192)
    np.testing.assert_allclose(describe(V, state), whole, atol=1e-5)


def test_gain_does_not_matter(state):
    V = np.random.default_rng(0).rayleigh(1, (120, 40)).astype(np.float32)
    loud = describe(1000 * V, state)
    np.testing.assert_allclose(loud, 1000 * describe(V, state), rtol=1e-3)


@pytest.mark.slow
def test_stems_that_differ_are_told_apart():
    state = fit(steps=60)
    stems = song(9)
    V = np.sqrt(sum(V**2 for V in stems.values()))
    for name, found in zip(LABELS, describe(V, state), strict=True):
        error = ((found - stems[name]) ** 2).sum()
        assert error < 0.2 * ((V / 2 - stems[name]) ** 2).sum()
    assert state["losses"][-1, 2] < state["losses"][0, 2]


def test_same_seed_gives_same_weights(state):
    again, other = fit(), fit(seed=1)
    for name, array in state.items():
        np.testing.assert_array_equal(again[name], array)
    assert not np.array_equal(other["head.weight"], state["head.weight"])


def test_songs_may_lack_stems_but_not_all_of_them():
    parts = [(name, {part: stems[part]}) for name, stems in SONGS for part in LABELS]
    assert np.isfinite(fit(parts, steps=1)["losses"][:, 1]).all()
    alone = [("song", SONGS[0][1])]  # nothing can be held out
    assert np.isnan(fit(alone, steps=1)["losses"][:, 2]).all()
    with pytest.raises(InputError, match="no training recording has all of high, bass"):
        fit(labels=["high", "bass"])


@pytest.mark.slow
def test_the_solver_gives_stems_that_sum_to_the_mixture(monkeypatch, tmp_path):
    tracks = [track.amid(6) for track in read_corpus(MINI / "songs" / "train-seen")[:3]]
    *train, test = tracks
    task = Separation(train, [test], list(test.stem_files))
    solver = plugin("solvers/unet.py", steps=1, minutes=None)
    monkeypatch.setattr(base, "_cache_folder", lambda: tmp_path)
    solver.fitted_in = lambda _: (solver.fit(train, solver.given_of(None)), 1.0)
    estimate = solve(task, solver)[test.id]
    assert set(estimate.answer) == set(test.stem_files)
    y, _ = test.audio()
    np.testing.assert_allclose(sum(estimate.answer.values()), y, atol=1e-4)
    assert estimate.n_parameters == sum(a.size for a in solver._state[0].values())


# Open-Unmix


def test_open_unmix_hears_all_of_a_block_and_learns_how_loud_bands_are():
    torch.manual_seed(0)
    network = OpenUnmix(FREQUENCIES, 2)
    V = torch.rand(2, 120, 40) * torch.linspace(0.1, 5, 120)[:, None]
    network(V)  # in training, bands are normalised by what they are
    normalised = network.encode[0](network.bands(V))
    torch.testing.assert_close(normalised.mean((0, 2)), torch.zeros(len(normalised[0])))
    network.eval()
    with torch.no_grad():
        before = network(V)
        V[:, :, -1] += 3
        moved = (network(V) - before).abs().amax((0, 1, 2))
    assert (moved > 0).all()


# deep clustering


def test_the_loss_of_points_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    points = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(2, 3, 4, 5))))
    along = torch.tensor(rng.random((2, 2, 4, 5)))
    found = deep_clustering._affinity_loss(points, along)
    losses = []
    for P, stems in zip(points.numpy(), along.numpy(), strict=True):
        w = stems.sum(0).ravel() / stems.sum()
        P, loudest = P.reshape(3, -1).T, stems.argmax(0).ravel()
        wrong = P @ P.T - (loudest[:, None] == loudest)
        losses.append((np.outer(w, w) * wrong**2).sum())
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_clusters_keep_the_names_of_the_stems_that_they_start_from():
    network = DeepClustering(FREQUENCIES, 2)
    rng = np.random.default_rng(0)
    points = np.zeros((DIMENSIONS, 120, 20), np.float32)
    points[0, :60], points[1, 60:] = 1, 1  # two clusters, near but not at their starts
    points += rng.normal(0, 0.05, points.shape)
    network.embedding.forward = lambda V: torch.tensor(points)[None]
    V = torch.tensor(rng.random((1, 120, 20)), dtype=torch.float32)
    for first, second in ((0, 1), (1, 0)):
        network.starts.zero_()
        network.starts[0, first], network.starts[1, second] = 0.6, 0.6
        masks_found = network(V)[0]
        rows = slice(0, 60) if first == 0 else slice(60, 120)
        assert masks_found[0, rows].min() == 1
        torch.testing.assert_close(masks_found.sum(0), torch.ones(120, 20))
    assert network(torch.zeros(1, 120, 20)).sum() == 120 * 20  # silence has masks too


@pytest.mark.slow
def test_deep_clustering_tells_stems_apart():
    told = {"labels": LABELS, "frequencies": FREQUENCIES, "frame": FRAME}
    state = deep_clustering.fit(SONGS, steps=60, **told)
    stems = song(9)
    V = np.sqrt(sum(V**2 for V in stems.values()))
    found = masks.describe(DeepClustering, V, state, 2, 2)
    for name, stem in zip(LABELS, found, strict=True):
        error = ((stem - stems[name]) ** 2).sum()
        assert error < 0.2 * ((V / 2 - stems[name]) ** 2).sum()
