"""The solver that hears notes as sources and filters."""

import numpy as np
import pytest
from solving import plugin

from musaic_core.tasks.transcription.spectrogram import (
    FRAME,
    SAMPLE_RATE,
    spectrogram,
)
from musaic_core.tasks.transcription.task import Excerpt, Transcription

VOWELS = (700, 1100, 2600), (300, 2200, 2900)  # formants, Hz
HELD = ((0.5, 57), (2.0, 62), (3.5, 59))  # s, MIDI: a second each, then glides


def sung(seconds=5):
    """A voice that glides between held notes, in two vowels; a snare; and the pitch."""
    t = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    times = [when for begin, _ in HELD for when in (begin, begin + 1)]
    pitch = np.interp(t, times, np.repeat([p for _, p in HELD], 2))
    f0 = 440 * 2 ** ((pitch - 69) / 12)
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    vowel = 0.5 + 0.5 * np.sin(2 * np.pi * t / 1.3)
    voice = sum(
        strength * np.sin(n * phase) * response(formants, n * f0)
        for strength, formants in zip((vowel, 1 - vowel), VOWELS, strict=True)
        for n in range(1, 25)
    )
    rng = np.random.default_rng(0)
    snare = rng.normal(size=t.size) * np.exp(-20 * (t % 0.4))
    noise = 0.02 * snare + 0.002 * rng.normal(size=t.size)
    return np.float32(0.1 * voice)[None], np.float32(noise)[None], pitch


def response(formants, frequencies):
    """How loud partials are: falling, and louder about the formants."""
    near = sum(np.exp(-0.5 * ((frequencies - f) / 150) ** 2) for f in formants)
    return (0.1 + near) * 200 / frequencies


def heard(y, **parameters):
    """What the solver says of samples: saliences, and its model."""
    recording = Excerpt("sung", y, SAMPLE_RATE)
    solver = plugin("solvers/source_filter_notes.py", **parameters)
    solver.set_task(Transcription([], [recording]))
    given = solver.given_of(recording)
    model = solver.factorize(given.V, given)
    return solver.task.describe(model, given), model


def test_a_melody_of_glides_and_vowels_is_heard_beside_noise():
    voice, snare, pitch = sung()
    salience, _ = heard(voice + snare)
    centres = np.arange(salience.level.shape[1]) * FRAME * SAMPLE_RATE
    pitch = pitch[np.minimum(centres.astype(int), len(pitch) - 1)]
    off = abs(salience.level.argmax(0) + 21 - pitch)
    assert np.mean(off <= 1) > 0.95
    held = abs(pitch - np.round(pitch)) < 1e-6
    assert np.mean(off[held] == 0) > 0.9


def test_what_follows_a_drum_is_of_no_note():
    voice, snare, _ = sung()
    salience, model = heard(voice + snare)
    without = model.labels == 0
    assert without.sum() == 5  # the free templates, and the flat source
    notes, rest = (model.loudness()[of].sum(0) for of in (~without, without))
    level = spectrogram(snare, SAMPLE_RATE).sum(0)
    assert np.corrcoef(rest, level)[0, 1] > 0.9
    np.testing.assert_allclose(salience.level.sum(0), notes, 1e-4)


@pytest.mark.parametrize("gain", [0, 1e-4, 0.5])
def test_a_second_and_silence_are_heard(gain):
    salience, _ = heard(gain * sung(1)[0])
    assert salience.level.shape[0] == 88
    assert np.isfinite(salience.level).all()
    assert (salience.level.sum() > 0) == (gain > 0)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_each_pitch_has_sources_about_it(beta):
    _, model = heard(sung(1)[0], beta=beta)
    labels, counts = np.unique(model.labels, return_counts=True)
    np.testing.assert_array_equal(labels, [0, *range(21, 109)])
    assert (counts[1:] == 3).all()
