"""Spectrograms in bars."""

import numpy as np


def fold_bars(
    V: np.ndarray, frame: float, downbeats: np.ndarray, n_frames: int = 96
) -> np.ndarray:
    """Fold a spectrogram into frequency × time in bar × bar.

    A bar's frames are means over equal parts of it, so that a bar's mean spectrum
    stays what it was. What is before the first and after the last downbeat is left.

    Parameters
    ----------
    V : ndarray, shape (F, T)
        Spectrogram; its frame t is centred at ``t * frame``.
    frame : float
        Time between two frames, s.
    downbeats : ndarray, shape (B + 1,)
        Times at which bars begin, s, and at which the last one ends.
    n_frames : int, default=96
        Frames of each bar.

    Returns
    -------
    ndarray, shape (F, n_frames, B)

    Raises
    ------
    ValueError
        There are fewer than two downbeats.

    References
    ----------
    Marmoret, Cohen, Bertin and Bimbot, "Uncovering audio patterns in music with
    nonnegative Tucker decomposition for structural segmentation", ISMIR 2020.
    """
    downbeats = np.asarray(downbeats)
    if len(downbeats) < 2:
        raise ValueError(f"downbeats has {len(downbeats)} times; a bar needs two")
    ends = (np.arange(V.shape[1] + 1) - 0.5) * frame
    parts = np.linspace(downbeats[:-1], downbeats[1:], n_frames + 1)  # (n + 1, B)
    position = np.interp(parts, ends, np.arange(len(ends)))
    before = np.minimum(position.astype(int), V.shape[1] - 1)
    folded = np.empty((len(V), *np.diff(parts, axis=0).shape), V.dtype)
    for row, out in zip(V, folded, strict=True):  # one by one, for memory
        total = np.append(0, row.cumsum(dtype=float))
        reached = total[before] + (position - before) * row[before]
        out[:] = np.diff(reached, axis=0) * frame / np.diff(parts, axis=0)
    return folded.clip(V.min(), V.max())  # against rounding


def resampling(n_after: int, n_before: int) -> np.ndarray:
    """The matrix that brings the time in a bar to another number of frames.

    Bars of different recordings, which have as many frames as they are long, can then
    be compared: ``resampling(n, V.shape[1]) @ V`` has n.

    Parameters
    ----------
    n_after, n_before : int
        Frames of a bar.

    Returns
    -------
    ndarray of float32, shape (n_after, n_before)
        Of linear interpolation between the centres of the frames; rows sum to 1.
    """
    after, before = ((np.arange(n) + 0.5) / n for n in (n_after, n_before))
    rows = [np.interp(after, before, frame) for frame in np.eye(n_before)]
    return np.stack(rows, axis=1).astype(np.float32)
