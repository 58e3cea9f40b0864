"""Disturbances of training recordings."""

import numpy as np
import pytest

from musaic_core.tasks.disturbed import (
    disturbed,
    equalised,
    noisy,
    reverberated,
    room,
)

SR = 22050


def rng():
    return np.random.default_rng(0)


def tone(hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)[None]


@pytest.mark.parametrize("change", [disturbed, equalised, reverberated, noisy])
@pytest.mark.parametrize("shape", [(1, 9000), (2, 3001), (1, 1)])
def test_shape_and_kind_are_kept(change, shape):
    y = np.random.default_rng(1).normal(0, 0.1, shape).astype(np.float32)
    out = change(y, SR, rng())
    assert out.shape == shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


@pytest.mark.parametrize("change", [disturbed, equalised, reverberated, noisy])
def test_silence_stays_silent(change):
    assert not change(np.zeros((2, 9000), np.float32), SR, rng()).any()


def test_the_same_draws_disturb_alike_and_others_do_not():
    y = tone(440)
    first, again = disturbed(y, SR, rng()), disturbed(y, SR, rng())
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, disturbed(y, SR, np.random.default_rng(1)))


def test_an_equaliser_changes_the_levels_of_tones_and_adds_none():
    tones = np.concatenate([tone(hz) for hz in (220, 440, 880, 1760)])
    levels = [np.sqrt((equalised(y[None], SR, rng()) ** 2).mean()) for y in tones]
    decibels = 20 * np.log10(np.array(levels) / np.sqrt(0.5))
    assert np.ptp(decibels) > 3
    assert np.abs(decibels).max() < 20
    spectrum = np.abs(np.fft.rfft(equalised(tone(440), SR, rng())))[0]
    assert (spectrum > 1e-3 * spectrum.max()).nonzero()[0].tolist() == [440]


def test_a_room_begins_with_the_direct_sound_and_decays():
    for seed in range(20):
        response = room(SR, np.random.default_rng(seed), 2)
        assert response.shape[0] == 2
        assert 0.2 * SR - 1 <= response.shape[1] <= 1.2 * SR
        np.testing.assert_array_equal(response[:, 0], 1)
        energies = (response[:, 1:] ** 2).sum(1)
        assert (energies <= 1.001).all()
        assert (energies >= 0.00999).all()
        late = np.array_split(response[:, int(0.05 * SR) :] ** 2, 4, axis=1)
        assert np.all(np.diff([part.sum() for part in late]) < 0)
        assert not np.allclose(response[0, 1:], response[1, 1:])


def test_reverberation_comes_after_the_sound_alone():
    y = np.zeros((1, SR), np.float32)
    y[:, 5000:5100] = 1
    out = reverberated(y, SR, rng())
    assert np.abs(out[:, :5000]).max() < 1e-5
    assert np.abs(out[:, 6000:]).max() > 1e-4


def test_noise_lies_as_far_below_the_recording_as_it_is_to():
    y = tone(440)
    below = []
    for seed in range(20):
        noise = noisy(y, SR, np.random.default_rng(seed)) - y
        below.append(10 * np.log10((y**2).mean() / (noise**2).mean()))
    assert 19.9 < min(below) < 30
    assert 50 < max(below) < 60.1
