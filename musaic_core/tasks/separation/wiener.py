"""Spectra of mixtures, and Wiener filters that make stems of them."""

from collections.abc import Sequence

import librosa
import numpy as np

from musaic_core.tasks.blocks import blocks_with_context

WINDOW = 0.08  # s under one spectrum; its bins are 12.5 Hz apart at any sampling rate
HOP = 0.04  # s between two spectra
FRAMES = 600  # that are filtered at once
ITERATIONS = 10  # of multiple input spectrogram inversion
HIGHEST = 10_000  # Hz that models see; what lies above follows the last kHz of that


def bin_frequencies() -> np.ndarray:
    """Centre of each row of what models see.

    Returns
    -------
    ndarray, shape (F,)
        Hz.
    """
    return np.arange(round(HIGHEST * WINDOW)) / WINDOW


def transform(y: np.ndarray, sr: int) -> np.ndarray:
    """Short-time Fourier transform.

    Parameters
    ----------
    y : ndarray, shape (..., samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray of complex64, shape (..., frequencies, frames)
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
    spectra : ndarray, shape (..., frequencies, frames)
        As `transform` gives them.
    sr : int
        Sampling rate, Hz.
    length : int
        Samples of the signals.

    Returns
    -------
    ndarray of float32, shape (..., samples)
    """
    return librosa.istft(
        spectra,
        n_fft=_samples(WINDOW, sr),
        hop_length=_samples(HOP, sr),
        length=length,
    )


def _samples(seconds, sr):
    return 2 * round(seconds * sr / 2)


def magnitudes(y: np.ndarray, sr: int, modes: int = 2) -> np.ndarray:
    """What models see of a recording.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    modes : {2, 3}
        2: root mean square over channels; 3: with the channels as last axis.

    Returns
    -------
    ndarray of float32, shape (F, T) or (F, T, channels)
        In bins up to `HIGHEST`.
    """
    hop, n_rows, blocks = _samples(HOP, sr), round(HIGHEST * WINDOW), []
    for outer, inner in _blocks(y.shape[1], sr):
        heard = np.abs(transform(y[:, outer], sr)[:, :n_rows])
        is_last = outer.start + inner.stop == y.shape[1]  # its frames go on after it
        heard = heard[..., inner.start // hop : None if is_last else inner.stop // hop]
        if modes == 2:
            blocks.append(np.sqrt((heard**2).mean(0)))
        else:
            blocks.append(np.ascontiguousarray(np.moveaxis(heard, 0, 2)))
    return np.concatenate(blocks, axis=1)


def _blocks(length, sr):
    """Blocks of some 24 s and, at high rates, of as many samples as at 48 kHz."""
    hop, window = _samples(HOP, sr), _samples(WINDOW, sr)
    # an iteration of MISI depends on a window before and after it
    context = (ITERATIONS + 2) * -(-window // hop)
    return blocks_with_context(length, hop, FRAMES * 48_000 // max(sr, 48_000), context)


def synthesize(
    y: np.ndarray,
    sr: int,
    spectrograms: np.ndarray,
    phase: str = "mixture",
    power: float = 2.0,
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
    power : float
        Masks are ratios of magnitudes to this power: 2 where they are known, and less
        where they are uncertain, which makes masks softer.

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
    stems = np.empty((len(spectrograms), *y.shape), np.float32)
    synthesize_into(stems, y, sr, spectrograms, phase, power)
    return stems


def synthesize_into(
    stems: Sequence,
    y: np.ndarray,
    sr: int,
    spectrograms: Sequence,
    phase: str = "mixture",
    power: float = 2.0,
) -> None:
    """Filter stems out of a mixture, block by block, into arrays that are there.

    Parameters
    ----------
    stems : sequence of array, shape (channels, samples)
        Where they are put.
    y : ndarray, shape (channels, samples)
        The mixture.
    sr : int
        Its sampling rate, Hz.
    spectrograms : sequence of array, shape (F, T) or (F, T, channels)
        One a stem, as `synthesize` takes them.
    phase : {"mixture", "misi"}
    power : float
        As `synthesize` takes them.
    """
    hop = _samples(HOP, sr)
    n_bins = 1 + _samples(WINDOW, sr) // 2
    blocks = list(_blocks(y.shape[1], sr))

    def powers_of(outer):
        """Of the frames of a block: they may be more than it has steps."""
        n_frames = 2 + (outer.stop - outer.start) // hop
        frames = slice(outer.start // hop, outer.start // hop + n_frames)
        part = np.stack([magnitudes[:, frames] for magnitudes in spectrograms])
        return _powers(part, n_bins, power)

    means = [powers_of(outer).mean() for outer, _ in blocks]
    sizes = [outer.stop - outer.start for outer, _ in blocks]
    mean = np.float32(np.average(means, weights=sizes))
    # where no stem has power all share alike, and no stem is ever quite silent
    least = 1e-10 * mean + np.finfo(np.float32).tiny
    for outer, inner in blocks:
        part = y[:, outer]
        powers = powers_of(outer) + least
        masks = np.moveaxis(powers / powers.sum(0), 3, 1)
        made = _filtered(part, sr, masks, phase)[:, :, inner]
        begin = outer.start + inner.start
        for stem, samples in zip(stems, made, strict=True):
            stem[:, begin : begin + samples.shape[1]] = samples


def _powers(spectrograms, n_bins, power):
    """(stems, frequencies, T, channels or 1); above all rows, those of the last kHz."""
    powers = spectrograms.reshape(*spectrograms.shape[:3], -1) ** power
    last_khz = [(0, 0), (0, n_bins - powers.shape[1]), (0, 0), (0, 0)]
    return np.pad(powers, last_khz, mode="mean", stat_length=round(1000 * WINDOW))


def _filtered(y, sr, masks, phase):
    X = transform(y, sr)
    stems = _to_stems(masks * X, y, sr)
    if phase == "misi":
        for _ in range(ITERATIONS):
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
