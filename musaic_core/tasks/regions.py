"""What hints of stems mean, in each entry of a spectrogram."""

from collections.abc import Iterable, Sequence

import numpy as np

from musaic_core.data.hints import Hint


def allowed_entries(
    hints: Iterable[Hint],
    labels: Sequence,
    frequencies: np.ndarray,
    frame: float,
    n_frames: int,
    first: int = 0,
) -> np.ndarray:
    """Say where hints leave stems free to sound: what all of them mean together.

    Each hint leaves less: a stem that is alone leaves the others nothing, and one that
    is silent has nothing left. Where hints contradict each other, so that no stem would
    be left, what is said later holds alone.

    Parameters
    ----------
    hints : iterable of Hint
        Of stems, whether of all frequencies or of a band, in the order of being said.
    labels : sequence of str
        Of the stems.
    frequencies : ndarray, shape (F,)
        Centre of each row, Hz, rising.
    frame : float
        Time between frames, s.
    n_frames : int
        T.
    first : int
        The recording's frame that these begin with.

    Returns
    -------
    ndarray of bool, shape (stems, F, T)
    """
    labels = np.asarray(labels)
    allowed = np.ones((len(labels), len(frequencies), n_frames), bool)
    for hint in hints:
        left = (labels == hint.label) == hint.sounds
        if not left.any():  # of nothing that is known
            continue
        rows = slice(*np.searchsorted(frequencies, [hint.low, hint.high]))
        # to the same frames, whichever part of the recording is asked for
        times = np.round(np.array([hint.start, hint.end]) / frame).astype(int)
        frames = slice(*np.maximum(times - first, 0))
        here = allowed[:, rows, frames]  # a view
        here &= left[:, None, None]
        here |= left[:, None, None] & ~here.any(0)
    return allowed
