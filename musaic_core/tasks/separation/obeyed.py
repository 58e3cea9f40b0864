"""What a user says of stems holds, whatever a model found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from musaic_core.data.hints import Hint
from musaic_core.tasks.separation.wiener import HOP, WINDOW

LEAST = 1e-6  # magnitude of what may sound where something else may not


@dataclass
class Obeyed:
    """Magnitudes of a stem, with what hints say of it: made when they are read.

    Parameters
    ----------
    found : array, shape (F, T) or (F, T, channels)
        As a model found them; they stay what they are.
    rules : list of (slice, slice, bool)
        Rows and columns, and whether the stem may sound there.
    """

    found: Sequence
    rules: list[tuple[slice, slice, bool]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them."""
        return self.found.shape

    def __getitem__(self, index):
        rows, columns = index
        part = np.array(self.found[:, columns])
        first = columns.indices(self.found.shape[1])[0]
        for there, when, sounds in self.rules:
            begin, end = max(when.start - first, 0), max(when.stop - first, 0)
            here = part[there, begin:end]
            here[...] = np.maximum(here, LEAST) if sounds else 0
        return part[rows]


def obeyed(
    magnitudes: Sequence, labels: Iterable[str], hints: Iterable[Hint]
) -> Sequence:
    """Magnitudes of stems of which a user has said where they are silent, or alone.

    Parameters
    ----------
    magnitudes : sequence of array, shape (F, T) or (F, T, channels)
        One a stem.
    labels : iterable of str
        The stems' names.
    hints : iterable of Hint
        What is said later holds where hints contradict each other.

    Returns
    -------
    sequence of array-like
        Those that were given, if nothing is said of them.
    """
    rules: dict[str, list] = {label: [] for label in labels}
    for hint in (h for h in hints if h.label in rules):
        band = np.array([hint.low, min(hint.high, 1e9)]) * WINDOW
        rows = slice(*np.round(band).astype(int).tolist())
        columns = slice(*np.round(np.array([hint.start, hint.end]) / HOP).astype(int))
        for label, of_stem in rules.items():
            of_stem.append((rows, columns, (label == hint.label) == hint.sounds))
    if not any(rules.values()):
        return magnitudes
    pairs = zip(magnitudes, rules.values(), strict=True)
    return [Obeyed(found, of_stem) for found, of_stem in pairs]
