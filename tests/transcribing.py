"""What transcription is tested with: a tone, a model, and a file that fails."""

import librosa
import numpy as np

from musaic_core.lowrank import nmf
from musaic_core.tasks.transcription.spectrogram import SAMPLE_RATE


def tone(pitch, seconds=1.0, harmonics=8):
    """A tone with decaying harmonics, (1, samples), and its rate."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hz = librosa.midi_to_hz(pitch)
    y = sum(
        0.7**n * np.sin(2 * np.pi * n * hz * t)
        for n in range(1, harmonics + 1)
        if n * hz < SAMPLE_RATE / 2
    )
    return y[None].astype(np.float32), SAMPLE_RATE


def no_audio():
    raise KeyError("no such entry")


def kullback_leibler(V, given):
    W = given.dictionary.templates
    start = {"init": (W, None), "fixed": ("templates",), "seed": given.seed}
    model = nmf(V, W.shape[1], beta=1, max_iter=60, **start)
    model.labels = given.dictionary.labels
    return model
