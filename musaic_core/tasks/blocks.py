"""Long recordings, a block at a time."""

from collections.abc import Callable, Iterator

import librosa
import numpy as np

FRAMES = 8192  # that are computed at once: at 22 050 Hz, some three minutes


def spectra_in_blocks(
    y: np.ndarray,
    n_fft: int,
    hop_length: int,
    of_spectra: Callable[[np.ndarray], np.ndarray] = np.abs,
) -> np.ndarray:
    """Compute something of each frame of a short-time Fourier transform.

    It is what ``of_spectra(librosa.stft(y, n_fft=n_fft, hop_length=hop_length))``
    gives, without all of the transform in memory, which takes gigabytes of an hour.

    Parameters
    ----------
    y : ndarray of float32, shape (samples,)
    n_fft : int
        Samples under one spectrum.
    hop_length : int
        Samples between two spectra.
    of_spectra : callable
        Makes an array (rows, frames) of complex spectra (1 + n_fft / 2, frames), each
        frame by itself; by default their magnitudes.

    Returns
    -------
    ndarray, shape (rows, T)
    """
    y = np.pad(y, n_fft // 2)
    n_frames = 1 + (len(y) - n_fft) // hop_length
    blocks = []
    for first in range(0, n_frames, FRAMES):
        last = min(first + FRAMES, n_frames) - 1
        part = y[first * hop_length : last * hop_length + n_fft]
        spectra = librosa.stft(part, n_fft=n_fft, hop_length=hop_length, center=False)
        blocks.append(of_spectra(spectra))
    return np.concatenate(blocks, axis=1)


def blocks_with_context(
    length: int, step: int, n_steps: int, context: int
) -> Iterator[tuple[slice, slice]]:
    """Cut a recording into blocks, each with what lies around it.

    Parameters
    ----------
    length : int
        Samples of the recording.
    step : int
        Samples that blocks are cut at multiples of.
    n_steps : int
        Steps in a block.
    context : int
        Steps before and after it that its result depends on.

    Yields
    ------
    outer : slice
        The samples of a block and of its context.
    inner : slice
        Those of them that are the block itself.
    """
    for first in range(0, length, n_steps * step):
        last = min(first + n_steps * step, length)
        start = max(0, first - context * step)
        stop = min(length, last + context * step)
        yield slice(start, stop), slice(first - start, last - start)
