"""What networks learn to separate from."""

from collections.abc import Callable, Iterable

import numpy as np

from musaic_core.data.recording import Track
from musaic_core.tasks.separation.task import Separation, has_stems
from musaic_core.tasks.separation.waveforms import resampled
from musaic_core.tasks.separation.wiener import magnitudes

Examples = list[tuple[str, dict[str, np.ndarray]]]


def stems_of(tracks: Iterable[Track], task: Separation) -> Examples:
    """Magnitudes of the stems of each track that can be read.

    Parameters
    ----------
    tracks : iterable of Track
    task : Separation
        Whose labels are the stems that are wanted.

    Returns
    -------
    list of (str, dict of str to ndarray of float32)
        Id of a track, and (F, T, channels) of each of its stems.
    """
    return _read(tracks, task, lambda y, sr: magnitudes(y, sr, 3))


def waveforms_of(tracks: Iterable[Track], task: Separation, rate: int) -> Examples:
    """Waveforms of the stems of each track that can be read.

    Parameters
    ----------
    tracks : iterable of Track
    task : Separation
        Whose labels are the stems that are wanted.
    rate : int
        Their sampling rate, Hz.

    Returns
    -------
    list of (str, dict of str to ndarray of float32)
        Id of a track, and (channels, samples) of each of its stems.
    """
    return _read(tracks, task, lambda y, sr: resampled(y, sr, rate))


def _read(tracks, task, represent: Callable[[np.ndarray, int], np.ndarray]):
    def read(track):
        stems = track.stems() if has_stems(track) else {}
        names = [name for name in task.labels if name in stems]
        return {name: represent(stems[name], track.rate) for name in names}

    return [(track.id, stems) for track, stems in task.learned(tracks, read)]
