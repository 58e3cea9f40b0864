"""Stems of models that say what their complex spectra are, not what masks are."""

import numpy as np

from musaic_core.tasks.separation.wiener import WINDOW, inverse_transform

POWER = 0.7  # of the magnitudes whose ratios are masks above the highest bin


def stems_of_images(
    y: np.ndarray, sr: int, spectrum: np.ndarray, images: np.ndarray
) -> np.ndarray:
    """Make signals of stems' spectra.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
        The mixture.
    sr : int
        Its sampling rate, Hz.
    spectrum : ndarray, shape (channels, frequencies, T)
        Of the mixture, as `wiener.transform` gives it.
    images : ndarray, shape (stems, channels, F, T)
        Complex spectra of the stems in the lowest F bins. Above them, stems are in the
        ratio that they have in the last kHz of these, in each channel and frame.

    Returns
    -------
    ndarray of float32, shape (stems, channels, samples)
        Stems that sum to the mixture: what they lack is shared alike.
    """
    n_rows = images.shape[2]
    last_khz = images[:, :, -round(1000 * WINDOW) :]
    shares = (np.abs(last_khz) ** POWER).mean(2, keepdims=True) + 1e-12
    above = shares / shares.sum(0) * spectrum[:, n_rows:]
    # one by one, for memory
    stems = np.stack(
        [
            inverse_transform(np.concatenate(parts, 1), sr, y.shape[1])
            for parts in zip(images, above, strict=True)
        ]
    )
    return stems + (y - stems.sum(0)) / len(stems)
