"""Embeddings of bars that are learned of how near these are, and of nothing else."""

import numpy as np
import pytest

from musaic_core.data.errors import InputError
from musaic_core.learned import bar_embedding
from musaic_core.learned.bar_embedding import BarEmbedding, describe, fit

FORM = np.repeat([0, 1, 2, 0, 1], 8)  # which of three sounds each bar has


def song(seed, form=FORM):
    """Bars of three sounds (24 bands, 16 frames), and more that is each bar's own."""
    rng = np.random.default_rng(seed)
    sounds = 3 * rng.random((3, 24, 1)) * rng.random((3, 1, 16))
    own = rng.gamma(1, 0.3, (len(form), 24, 16))
    return (sounds[form] + own).transpose(1, 2, 0).astype(np.float32)


SONGS = [(str(seed), song(seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def state():
    return fit(SONGS, steps=60)


def test_a_bar_is_told_by_a_vector_of_unit_length(state):
    told = describe(song(9), state)
    assert told.shape == (len(FORM), bar_embedding.SIZE)
    np.testing.assert_allclose(np.linalg.norm(told, axis=1), 1, rtol=1e-5)


def test_bars_of_one_sound_are_nearer_than_others_in_a_song_it_has_not_learned_from(
    state,
):
    told = describe(song(9), state)
    alike, same = told @ told.T, FORM[:, None] == FORM
    assert alike[same].mean() > alike[~same].mean() + bar_embedding.MARGIN


def test_a_gain_and_an_equaliser_change_nothing(state):
    V = song(9)
    coloured = V + 2 + np.linspace(0, 1, 24, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(describe(coloured, state), describe(V, state), atol=1e-4)


def test_its_size_is_what_it_says():
    assert sum(p.numel() for p in BarEmbedding(80).parameters()) == 32_848


def test_same_seed_gives_same_weights():
    first, again, other = (fit(SONGS, steps=2, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["dense.weight"], other["dense.weight"])


@pytest.mark.parametrize("n", [3, 10, 100])
def test_the_nearer_bar_of_a_triplet_is_taken_for_alike(n):
    # each bar says which it is, and colour adds the same to all three
    bars = np.arange(n, dtype=np.float32)[:, None, None] * np.ones((1, 5, 2), "f4")
    drawn = bar_embedding._triplets(bars, np.random.default_rng(0))
    assert drawn.shape == (bar_embedding.BATCH, 3, 5, 2)
    anchor, near, far = drawn.mean((2, 3)).T
    assert (abs(near - anchor) <= abs(far - anchor) + 1e-3).all()
    assert abs(near - anchor).max() < bar_embedding.NEAR + 0.5
    assert abs(far - anchor).max() < bar_embedding.FAR + 0.5


def test_songs_of_two_bars_are_left_out_and_nothing_else_is_an_error():
    short = ("short", song(0)[..., :2])
    with pytest.raises(InputError, match="three bars"):
        fit([short], steps=1)
    one, alone = fit([short, SONGS[0]], steps=1), fit([SONGS[0]], steps=1)
    assert np.array_equal(one["dense.weight"], alone["dense.weight"])


def test_bars_of_silence_are_told_by_numbers(state):
    assert np.isfinite(describe(np.zeros((24, 16, 3), np.float32), state)).all()
