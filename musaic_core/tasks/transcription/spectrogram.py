"""The spectrogram that models of notes see."""

from functools import cache

import librosa
import numpy as np

from musaic_core.data.audio import mixed_down
from musaic_core.data.errors import InputError
from musaic_core.tasks.blocks import spectra_in_blocks

SAMPLE_RATE = 22050  # Hz
WINDOW = 4096  # samples under one spectrum, 186 ms
HOP = 512  # samples between two spectra, 23 ms
FRAME = HOP / SAMPLE_RATE  # s
BANDS_PER_OCTAVE = 36
PITCHES = np.arange(21, 109)  # MIDI numbers of the piano's keys


def spectrogram(y: np.ndarray, sr: int, name: str = "the recording") -> np.ndarray:
    """Magnitudes in bands of a third of a semitone.

    Below 280 Hz, where the short-time Fourier transform's own bins are wider than
    that, a band is a bin. Frames are 23 ms apart and 186 ms long.

    Parameters
    ----------
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    name : str
        What a message calls it.

    Returns
    -------
    ndarray of float32, shape (F, T)

    Raises
    ------
    InputError
        It is shorter than a window.
    """
    y = _resampled(mixed_down(y), sr, name)
    return spectra_in_blocks(y, WINDOW, HOP, lambda spectra: _bands() @ np.abs(spectra))


def complex_spectrogram(
    y: np.ndarray, sr: int, name: str = "the recording"
) -> np.ndarray:
    """Short-time Fourier transform at `SAMPLE_RATE`.

    Parameters
    ----------
    y : ndarray of float32, shape (..., samples)
    sr : int
        Sampling rate, Hz.
    name : str
        What a message calls it.

    Returns
    -------
    ndarray of complex64, shape (..., 1 + WINDOW / 2, T)

    Raises
    ------
    InputError
        It is shorter than a window.
    """
    return librosa.stft(_resampled(y, sr, name), n_fft=WINDOW, hop_length=HOP)


def _resampled(y, sr, name):
    y = librosa.resample(y, orig_sr=sr, target_sr=SAMPLE_RATE)
    if y.shape[-1] < WINDOW:
        raise InputError(
            f"{name}: {y.shape[-1] / SAMPLE_RATE:.2f} s are too short to "
            f"transcribe; {WINDOW / SAMPLE_RATE:.2f} s is the least"
        )
    return y


@cache
def band_frequencies() -> np.ndarray:
    """Centre of each band of `spectrogram`, Hz, (F,)."""
    bins = librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=WINDOW)
    crossover = bins[1] / (2 ** (1 / BANDS_PER_OCTAVE) - 1)
    octaves = np.arange(0, np.log2(10000 / crossover), 1 / BANDS_PER_OCTAVE)
    linear = bins[(bins >= 27) & (bins < crossover)]
    return np.concatenate([linear, crossover * 2**octaves])


def partials_in_bands(frequencies: np.ndarray) -> np.ndarray:
    """How much a partial at each frequency adds to each band.

    Parameters
    ----------
    frequencies : ndarray, shape (n,)
        Hz.

    Returns
    -------
    ndarray of float32, shape (F, n)
        Triangular over each band's centre.
    """
    centres = band_frequencies()
    return np.stack(
        [
            np.interp(frequencies, centres, band, left=0, right=0)
            for band in np.eye(len(centres))
        ]
    ).astype(np.float32)


@cache
def _bands():
    return partials_in_bands(librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=WINDOW))


@cache
def harmonic_series() -> np.ndarray:
    """Spectra (F, 88) of twelve decaying harmonics at each pitch, each of norm 1."""
    harmonics = np.arange(1, 13)
    combs = np.stack(
        [
            partials_in_bands(librosa.midi_to_hz(pitch) * harmonics) @ 0.8**harmonics
            for pitch in PITCHES
        ],
        axis=1,
    )
    return combs / np.linalg.norm(combs, axis=0)


def estimate_pitches(templates: np.ndarray, least: float = 0.5) -> np.ndarray:
    """Pitch of each template: the harmonic series that it resembles most.

    Parameters
    ----------
    templates : ndarray, shape (F, R)
        On the bands of `spectrogram`.
    least : float
        Cosine similarity below which a template has no pitch.

    Returns
    -------
    ndarray of int, shape (R,)
        MIDI numbers; 0 for a template without pitch.
    """
    spectra = np.sqrt(templates / (np.linalg.norm(templates, axis=0) + 1e-12))
    combs = harmonic_series()
    similarity = combs.T @ (spectra / (np.linalg.norm(spectra, axis=0) + 1e-12))
    return np.where(similarity.max(0) >= least, PITCHES[similarity.argmax(0)], 0)
