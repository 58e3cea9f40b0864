"""What the network of `musaic_core.learned.downbeats` is given, and what it hears."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import librosa
import numpy as np
import safetensors.numpy

from musaic_core.data.audio import mixed_down
from musaic_core.data.recording import Track
from musaic_core.tasks.blocks import spectra_in_blocks

if TYPE_CHECKING:
    from musaic_core.learned.downbeats import Piece

SAMPLE_RATE = 22050  # Hz
WINDOW = 1024  # samples under one spectrum, 46 ms
HOP = 441  # samples between two spectra
FRAME = HOP / SAMPLE_RATE  # 20 ms
MEL = {"fmin": 30, "fmax": 10_000}  # Hz
N_BANDS = 64
FREQUENCIES = librosa.mel_frequencies(N_BANDS + 2, **MEL)[1:-1]
WEIGHTS = Path(__file__).parents[2] / "learned" / "weights" / "downbeats.safetensors"


def mel_spectrogram(y: np.ndarray, sr: int) -> np.ndarray:
    """Magnitudes of `N_BANDS` bands, every `FRAME`.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray of float32, shape (N_BANDS, T)
    """
    y = librosa.resample(mixed_down(y), orig_sr=sr, target_sr=SAMPLE_RATE)
    bands = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=N_BANDS, **MEL)

    def mel(spectra):
        return np.sqrt(bands @ np.abs(spectra) ** 2)

    return spectra_in_blocks(y, WINDOW, HOP, mel).astype(np.float32)


def fit(
    tracks: Iterable[Track], seed: int = 0, checkpoints: Path | None = None
) -> dict[str, np.ndarray]:
    """Train the network.

    Parameters
    ----------
    tracks : iterable of Track
        With beats whose positions in the bars are known; it helps if stems are.
    seed : int
    checkpoints : Path, optional
        Folder that the training is kept in while it lasts.

    Returns
    -------
    dict of str to ndarray
        Weights, for `hear_beats`.
    """
    from musaic_core.learned import downbeats

    return downbeats.fit(
        map(_piece, tracks),
        frequencies=FREQUENCIES,
        frame=FRAME,
        seed=seed,
        checkpoints=checkpoints,
    )


def _piece(track) -> "Piece":
    from musaic_core.learned.downbeats import Piece

    y, sr = track.audio()
    stems = track.stems() or {"mixture": y}
    stems = {name: mel_spectrogram(stem, sr) for name, stem in stems.items()}
    return Piece(stems, track.beats / FRAME, np.isin(track.beats, track.downbeats))


def hear_beats(
    y: np.ndarray, sr: int, state: dict[str, np.ndarray] | None = None
) -> np.ndarray:
    """Hear where beats and downbeats may be.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    state : dict of str to ndarray, optional
        What `fit` gave; by default the weights that come with the repository.

    Returns
    -------
    ndarray of float32, shape (2, T)
        Probabilities of a beat that is no downbeat, and of a downbeat, every `FRAME`.
    """
    from musaic_core.learned import downbeats

    return downbeats.describe(mel_spectrogram(y, sr), state or _shipped())


@cache
def _shipped():
    return safetensors.numpy.load_file(WEIGHTS)
