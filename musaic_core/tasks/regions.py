"""Regions of a spectrogram of which a user says whose they are."""

from collections.abc import Iterable, Sequence

import numpy as np

from musaic_core.data.hints import Hint


def allowed_entries(
    hints: Iterable[Hint],
    labels: Sequence,
    frequencies: np.ndarray,
    frame: float,
    n_frames: int,
) -> np.ndarray:
    """Say where hints leave stems free to sound.

    Parameters
    ----------
    hints : iterable of Hint
        Of stems, whether of all frequencies or of a band.
    labels : sequence of str
        Of the stems.
    frequencies : ndarray, shape (F,)
        Centre of each row, Hz.
    frame : float
        Time between frames, s.
    n_frames : int
        T.

    Returns
    -------
    ndarray of bool, shape (stems, F, T)
        Where hints contradict each other, so that none would be left, all are.
    """
    labels = np.asarray(labels)
    allowed = np.ones((len(labels), len(frequencies), n_frames), bool)
    for hint in hints:
        named = labels == hint.label
        rows = (hint.low <= frequencies) & (frequencies < hint.high)
        first, last = np.round(np.maximum([hint.start, hint.end], 0) / frame)
        frames = np.arange(int(first), min(int(last), n_frames))
        allowed[np.ix_(~named if hint.sounds else named, rows, frames)] = False
    allowed[:, ~allowed.any(0)] = True
    return allowed
