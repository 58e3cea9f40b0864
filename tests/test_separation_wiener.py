"""Wiener filters: stems sum to the mixture, and what is apart is separated."""

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from separating import SR, noise, tones

from musaic_core.tasks.separation.scores import mean_sdr
from musaic_core.tasks.separation.wiener import (
    HIGHEST,
    WINDOW,
    bin_frequencies,
    magnitudes,
    synthesize,
)


@settings(max_examples=25, deadline=None)
@drawn(
    sr=st.sampled_from([8000, 11025, 22050]),
    length=st.integers(2000, 9000),
    n_channels=st.integers(1, 2),
    per_channel=st.booleans(),
    phase=st.sampled_from(["mixture", "misi"]),
    seed=st.integers(0, 9),
)
def test_stems_sum_to_the_mixture(sr, length, n_channels, per_channel, phase, seed):
    y = noise(n_channels, length, seed=seed)
    heard = magnitudes(y, sr, 3 if per_channel else 2)
    spectrograms = np.abs(noise(3, *heard.shape, seed=seed + 1))
    spectrograms *= np.random.default_rng(seed).random(spectrograms.shape) < 0.3
    stems = synthesize(y, sr, spectrograms, phase)
    assert stems.shape == (3, n_channels, length)
    assert stems.dtype == np.float32
    assert np.abs(stems.sum(0) - y).max() < 1e-5
    assert np.abs(stems).max() < 10 * np.abs(y).max()  # at the ends too


def test_a_model_of_silence_gives_equal_parts():
    y = noise(1, SR)
    shape = magnitudes(y, SR).shape
    stems = synthesize(y, SR, np.zeros((4, *shape), np.float32))
    np.testing.assert_allclose(stems, np.stack([y / 4] * 4), atol=1e-5)


def test_tones_apart_are_separated():
    stems = tones(SR, 440, 1000).astype(np.float32)
    y = stems.sum(0)
    spectrograms = np.stack([magnitudes(stem, SR) for stem in stems])
    assert mean_sdr(stems, synthesize(y, SR, spectrograms), SR) > 30


def test_each_channel_has_its_own_mask():
    # the same spectrum left and right: only their places tell them apart
    left, right = np.zeros((2, 2, 2 * SR), np.float32)
    left[0], right[1] = noise(2, 2 * SR)
    stems = np.stack([left, right])
    spectra = [magnitudes(stem, SR, 3) for stem in stems]
    y = stems.sum(0)
    assert mean_sdr(stems, synthesize(y, SR, np.stack(spectra)), SR) > 20
    over_channels = np.stack([np.sqrt((V**2).mean(2)) for V in spectra])
    assert mean_sdr(stems, synthesize(y, SR, over_channels), SR) < 10


@pytest.mark.parametrize("sr", [22050, 32000, 44100, 48000])
def test_a_row_is_the_same_frequency_at_any_sampling_rate(sr):
    V = magnitudes(tones(sr, 1000)[0], sr)
    assert len(V) == round(HIGHEST * WINDOW) == len(bin_frequencies())
    assert bin_frequencies()[V.sum(1).argmax()] == pytest.approx(1000)
