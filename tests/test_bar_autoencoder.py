"""Bars of one recording, told by the code of an auto-encoder."""

import numpy as np
import pytest

from musaic_core.learned import bar_autoencoder
from musaic_core.learned.bar_autoencoder import CODE, WIDTH, Codes
from musaic_core.tasks.interpretability import alignment_in_time

FORM = np.repeat([0, 1, 0, 2, 1], 6)  # which of three patterns each bar has


def codes(X, **options):
    return bar_autoencoder.codes(X, **options).bars


@pytest.fixture(scope="module")
def bars():
    rng = np.random.default_rng(0)
    patterns = rng.gamma(1, size=(3, 200))
    return patterns[FORM] + rng.gamma(1, 0.2, size=(len(FORM), 200))


@pytest.fixture(scope="module")
def told(bars):
    return codes(bars, steps=150)


def test_a_code_is_nonnegative_and_has_a_row_a_bar(told):
    assert told.shape == (len(FORM), CODE)
    assert told.min() == 0
    assert told.any(1).all()


def test_bars_of_one_pattern_have_nearer_codes_than_others(told):
    X = told / np.linalg.norm(told, axis=1, keepdims=True)
    alike = X @ X.T
    same = FORM[:, None] == FORM
    assert alike[same].min() > alike[~same].max()


def test_neither_gain_nor_what_all_bars_have_in_common_matters(bars, told):
    again = codes(5 * bars + np.linspace(0, 3, 200), steps=150)
    np.testing.assert_allclose(again, told, rtol=0.02, atol=0.05 * told.max())


def test_same_seed_gives_same_codes(bars):
    first, again = codes(bars, steps=5), codes(bars, steps=5)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(codes(bars, steps=5, seed=1), first)


def test_bars_of_silence_and_of_one_sound_have_finite_codes():
    for X in (np.zeros((3, 50)), np.ones((2, 50)), np.eye(4, 50)):
        assert np.isfinite(codes(X, steps=2)).all()


def test_what_numbers_of_the_code_stand_for_can_be_read(bars):
    """By patterns that have a norm, whatever scale a rectifier leaves open."""
    found = bar_autoencoder.codes(bars, steps=150)
    read = found.along_last_mode(len(FORM))
    assert read.shape == (len(FORM), CODE)
    scales = np.geomspace(0.1, 10, CODE)
    scaled = Codes(found.bars * scales, found.norms / scales, found.n_parameters)
    np.testing.assert_allclose(scaled.along_last_mode(len(FORM)), read, rtol=1e-5)
    own = alignment_in_time(read.T, np.arange(3)[:, None] == FORM)
    assert own["purity"] > 0.3


def test_its_size_is_that_of_four_dense_layers(bars):
    n_parameters = bar_autoencoder.codes(bars, steps=1).n_parameters
    n_weights = 2 * WIDTH * (bars.shape[1] + CODE)
    assert n_parameters == n_weights + 2 * WIDTH + CODE + bars.shape[1]
