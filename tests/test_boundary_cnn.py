"""The network that hears boundaries: what it sees, and what it finds."""

import numpy as np
import pytest
import torch
from conftest import MINI
from solving import plugin, solve

from musaic_core.benchmark import solver as base
from musaic_core.data.corpus import read_corpus
from musaic_core.learned import boundary_cnn
from musaic_core.learned.boundary_cnn import (
    AROUND,
    BoundaryCNN,
    Song,
    choose,
    describe,
    products,
    similarities,
    squares_around,
)
from musaic_core.tasks.structure.task import Structure


def made(name, seed, lengths=(4, 6, 4, 8, 6)):
    """A song whose sections each repeat a bar of their own, with some noise."""
    rng = np.random.default_rng(seed)
    parts = [np.repeat(rng.random((6, 8, 1)), n, axis=2) for n in lengths]
    V = np.concatenate(parts, axis=2)
    begins = np.concatenate([np.arange(n) == 0 for n in lengths])
    return name, V + 0.1 * rng.random(V.shape), begins


MADE = [made(name, seed) for seed, name in enumerate("ab")]
SONGS = [Song(name, products(V), begins) for name, V, begins in MADE]


def test_similarities_are_cosines_of_bars_less_their_mean_in_any_order():
    V, bars = MADE[0][1], [5, 0, 9, 9, 20]
    X = V[..., bars].reshape(-1, len(bars)).T
    X = X - X.mean(0)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    P = products(V)
    found = similarities(P[:, bars][:, :, bars])
    np.testing.assert_allclose(found[0], X @ X.T, atol=1e-5)
    np.testing.assert_allclose(found[:, range(5), range(5)], 1, atol=1e-5)
    assert np.isfinite(similarities(np.zeros((3, 4, 4)))).all()


def test_squares_are_centred_on_the_boundary():
    P = SONGS[0].products
    squares, whole = squares_around(P, [1, 14]), similarities(P)
    assert squares.shape == (2, 4, 2 * AROUND, 2 * AROUND)
    np.testing.assert_array_equal(squares[1, :3, AROUND, 2:30], whole[:, 14])
    assert squares[0, 3].sum() == (AROUND + 1) ** 2  # one bar is before the first
    assert not squares[0, :, : AROUND - 1].any()


def test_network_is_small():
    network = BoundaryCNN()
    assert sum(p.numel() for p in network.parameters()) < 20_000
    assert network(torch.zeros(3, 4, 2 * AROUND, 2 * AROUND)).shape == (3,)


def test_boundaries_are_peaks_above_a_share_of_the_highest():
    p = np.array([0.9, 0.8, 0.1, 0.4, 0.5, 0.1, 0.2])
    assert np.flatnonzero(choose(p, 0.3)).tolist() == [0, 4]
    assert np.flatnonzero(choose(p, 0.6)).tolist() == [0]
    np.testing.assert_array_equal(choose(p / 9, 0.3), choose(p, 0.3))
    assert not choose(p[:0], 0.3).any()


@pytest.mark.slow
def test_boundaries_of_another_song_are_found():
    state = boundary_cnn.fit(SONGS, steps=60)
    _, V, _ = made("c", 7, (6, 4, 8, 4))
    p = describe(V, state)
    assert p.shape == (21,)
    assert ((p >= 0) & (p <= 1)).all()
    found = choose(p, state["threshold"])
    assert np.flatnonzero(found).tolist() == [5, 9, 17]


def test_a_made_up_song_has_sections_of_the_song():
    rng, forms = np.random.default_rng(0), set()
    for _ in range(20):
        made_up = boundary_cnn._made_up(SONGS[0], rng)
        assert made_up.products.shape == (3, *2 * made_up.begins.shape)
        assert made_up.begins[0]
        np.testing.assert_allclose(
            made_up.products, made_up.products.transpose(0, 2, 1)
        )
        forms.add(tuple(np.flatnonzero(made_up.begins)))
    assert len(forms) > 5
    assert tuple(np.flatnonzero(SONGS[0].begins)) in forms


@pytest.mark.parametrize(("sure", "unsure"), [(0.8, 0.2), (0.4, 0.02), (0.9, 0.6)])
def test_a_threshold_lies_amid_those_that_tell_the_networks_probabilities_apart(
    sure, unsure, monkeypatch
):
    class HearsChange(BoundaryCNN):
        def forward(self, squares):
            changes = squares[:, 0, AROUND - 1, AROUND] < 0.8  # of a bar and the last
            return torch.logit(torch.where(changes, sure, unsure))

    monkeypatch.setattr(boundary_cnn, "load", lambda *_: HearsChange())
    threshold = boundary_cnn.fit(SONGS, steps=1)["threshold"].item()
    # of the highest one's share, of which at most 0.9 is tried
    assert threshold == pytest.approx((unsure / sure + 0.9) / 2, abs=0.03)


def test_same_seed_gives_same_weights():
    first, again = (boundary_cnn.fit(SONGS, steps=1) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_one_song_is_enough_to_learn_from():
    p = describe(MADE[1][1], boundary_cnn.fit(SONGS[:1], steps=1))
    assert np.isfinite(p).all()


@pytest.mark.slow
def test_the_solver_gives_sections_of_the_whole_song(monkeypatch, tmp_path):
    *train, test = read_corpus(MINI / "songs" / "train-seen")[:3]
    downbeats = {test.id: test.downbeats}
    task = Structure(train, [test], downbeats=downbeats)
    solver = plugin("solvers/boundary_cnn.py", steps=2, minutes=None)
    monkeypatch.setattr(base, "_cache_folder", lambda: tmp_path)
    solver.fitted_in = lambda _: (solver.fit(train, solver.given_of(None)), 1.0)
    sections = solve(task, solver)[test.id].answer
    assert sections["start"].iloc[0] == 0
    assert sections["end"].iloc[-1] == pytest.approx(test.duration)
    assert (sections["end"].iloc[:-1].to_numpy() == sections["start"].iloc[1:]).all()
