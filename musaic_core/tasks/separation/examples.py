"""What networks learn to separate from."""

from collections.abc import Iterable

import numpy as np

from musaic_core.data.recording import Track
from musaic_core.tasks.separation.task import Separation, has_stems
from musaic_core.tasks.separation.wiener import magnitudes


def stems_of(
    tracks: Iterable[Track], task: Separation
) -> list[tuple[str, dict[str, np.ndarray]]]:
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

    def read(track):
        stems = track.stems() if has_stems(track) else {}
        names = [name for name in task.labels if name in stems]
        return {name: magnitudes(stems[name], track.rate, 3) for name in names}

    return [(track.id, stems) for track, stems in task.learned(tracks, read)]
