"""Recordings at the rate of a model that separates waveforms, and stems at theirs."""

from collections.abc import Callable, Sequence

import numpy as np
import soxr

from musaic_core.tasks.blocks import blocks_with_context
from musaic_core.tasks.separation.task import POWER
from musaic_core.tasks.separation.wiener import WINDOW, magnitudes, synthesize

SECONDS, CONTEXT = 24, 2  # s that are separated at once, and before and after them


def resampled(
    y: np.ndarray, sr: int, rate: int, length: int | None = None
) -> np.ndarray:
    """Resample signals.

    Parameters
    ----------
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Their sampling rate, Hz.
    rate : int
        The one that is wanted, Hz.
    length : int, optional
        Samples that are wanted, by padding with zeros or by cutting.

    Returns
    -------
    ndarray of float32, shape (channels, samples)
    """
    y = np.ascontiguousarray(soxr.resample(np.asarray(y, np.float32).T, sr, rate).T)
    if length is None:
        return y
    return np.pad(y[:, :length], [(0, 0), (0, max(0, length - y.shape[1]))])


def separate_into(
    stems: Sequence,
    y: np.ndarray,
    sr: int,
    rate: int,
    separate: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Separate a recording by a model of waveforms at a rate of its own.

    What the model does not hear, above half its rate, is shared out by a Wiener filter
    whose masks are those of the last kHz that it does hear, as `synthesize` does above
    what other models see.

    Parameters
    ----------
    stems : sequence of array, shape (channels, samples)
        Where they are put. They sum to the recording.
    y : ndarray, shape (channels, samples)
        The recording.
    sr : int
        Its sampling rate, Hz.
    rate : int
        The model's, Hz.
    separate : callable
        Takes a part of the recording (channels, samples) at the model's rate, scaled so
        that the root mean square of the whole is 1, and gives (stems, channels,
        samples), which sum to it.
    """
    loudness = np.sqrt(np.mean(np.square(y))) or np.float32(1)
    heard = round(0.9 * rate / 2 * WINDOW)  # rows that no resampling has made softer
    for outer, inner in blocks_with_context(y.shape[1], sr, SECONDS, CONTEXT):
        part = y[:, outer]
        low = resampled(part / loudness, sr, rate)
        made = np.stack(
            [resampled(s, rate, sr, part.shape[1]) for s in separate(low) * loudness]
        )
        spectrograms = np.stack([magnitudes(stem, sr, 3)[:heard] for stem in made])
        made += synthesize(part - made.sum(0), sr, spectrograms, power=POWER)
        begin = outer.start + inner.start
        for stem, samples in zip(stems, made[:, :, inner], strict=True):
            stem[:, begin : begin + samples.shape[1]] = samples
