"""Spectra of mixtures, and Wiener filters that make stems of them."""

import librosa
import numpy as np

WINDOW = 0.08  # s under one spectrum; its bins are 12.5 Hz apart at any sampling rate
HOP = 0.04  # s between two spectra
HIGHEST = 10_000  # Hz that models see; what lies above follows the last kHz of that


def bin_frequencies() -> np.ndarray:
    """Centre of each row of what models see.

    Returns
    -------
    ndarray of float, shape (F,)
        In Hz.
    """
    return np.arange(round(HIGHEST * WINDOW)) / WINDOW


def transform(y: np.ndarray, sr: int) -> np.ndarray:
    """Short-time Fourier transform.

    Parameters
    ----------
    y : ndarray of float, shape (..., samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray of complex, shape (..., frequencies, frames)
    """
    n_fft, hop = _samples(WINDOW, sr), _samples(HOP, sr)
    # the last samples too are to lie under two windows: else the inverse, which
    # divides by their sum, blows up what masks have left there
    y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, hop)])
    return librosa.stft(y, n_fft=n_fft, hop_length=hop)


def inverse_transform(spectra: np.ndarray, sr: int, length: int) -> np.ndarray:
    """Signals of short-time Fourier transforms.

    Parameters
    ----------
    spectra : ndarray of complex, shape (..., frequencies, frames)
    sr : int
        Sampling rate, Hz.
    length : int
        Samples.

    Returns
    -------
    ndarray of float, shape (..., samples)
    """
    return librosa.istft(
        spectra,
        n_fft=_samples(WINDOW, sr),
        hop_length=_samples(HOP, sr),
        length=length,
    )


def _samples(seconds, sr):
    return 2 * round(seconds * sr / 2)


def magnitudes(spectra: np.ndarray, modes: int = 2) -> np.ndarray:
    """What models see of a transform.

    Parameters
    ----------
    spectra : ndarray of complex, shape (channels, frequencies, frames)
    modes : {2, 3}

    Returns
    -------
    ndarray of float, shape (F, frames) or (F, frames, channels)
        See `Separation.represent`.
    """
    heard = np.abs(spectra[:, : round(HIGHEST * WINDOW)])
    if modes == 2:
        return np.sqrt((heard**2).mean(0))
    return np.ascontiguousarray(np.moveaxis(heard, 0, 2))


def synthesize(
    y: np.ndarray, sr: int, spectrograms: np.ndarray, phase: str = "mixture"
) -> np.ndarray:
    """Filter stems out of a mixture.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
        The mixture.
    sr : int
        Its sampling rate, Hz.
    spectrograms : ndarray, shape (stems, F, T) or (stems, F, T, channels)
        Magnitudes of each stem, as `magnitudes` gives them; of the lowest F bins.
        Above them, masks are those of the last kHz.
    phase : {"mixture", "misi"}
        Of the stems: the mixture's, or found by ten iterations of multiple input
        spectrogram inversion from there (Gunawan and Sen 2010).

    Returns
    -------
    ndarray of float32, shape (stems, channels, samples)
        Stems that sum to the mixture.

    References
    ----------
    Liutkus and Badeau, "Generalized Wiener filtering with fractional power
    spectrograms", ICASSP 2015. Gunawan and Sen, IEEE Signal Processing Letters 17
    (5), 2010.
    """
    X = transform(y, sr)
    power = spectrograms.reshape(*spectrograms.shape[:3], -1) ** 2
    last_khz = [(0, 0), (0, X.shape[1] - power.shape[1]), (0, 0), (0, 0)]
    power = np.pad(power, last_khz, mode="mean", stat_length=round(1000 * WINDOW))
    # where no stem has power all share alike, and no stem is ever quite silent
    power += 1e-10 * power.mean() + np.finfo(np.float32).tiny
    masks = np.moveaxis(power / power.sum(0), 3, 1)
    stems = _to_stems(masks * X, y, sr)
    if phase == "misi":
        for _ in range(10):
            Z = transform(stems, sr)
            Z *= masks * np.abs(X) / (np.abs(Z) + 1e-12)
            stems = _to_stems(Z, y, sr)
    return stems


def _to_stems(spectra, y, sr):
    """Signals that sum to the mixture: what is missing is shared alike."""
    stems = inverse_transform(spectra, sr, y.shape[1])
    return stems + (y - stems.sum(0)) / len(stems)


def ideal_stems(y: np.ndarray, sr: int, stems: np.ndarray) -> np.ndarray:
    """Separate by the ideal ratio mask: the best that masks like ours can do.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
    stems : ndarray, shape (stems, channels, samples)
        The true ones.

    Returns
    -------
    ndarray of float32, shape (stems, channels, samples)
    """
    spectrograms = np.abs(transform(stems, sr))
    return synthesize(y, sr, np.moveaxis(spectrograms, 1, 3))
