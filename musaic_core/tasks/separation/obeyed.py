"""What a user says of stems holds, whatever a model found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from musaic_core.data.hints import Hint
from musaic_core.tasks.regions import allowed_entries
from musaic_core.tasks.separation.wiener import HOP, bin_frequencies

LEAST = 1e-6  # magnitude of what may sound where something else may not


@dataclass
class Obeyed:
    """Magnitudes of a stem, with what hints say of it: made when they are read.

    Parameters
    ----------
    found : array, shape (F, T) or (F, T, channels)
        As a model found them; they stay what they are.
    label : str
        The stem's.
    labels : sequence of str
        Of all stems.
    hints : sequence of Hint
        Of any of them.
    """

    found: Sequence
    label: str
    labels: Sequence[str]
    hints: Sequence[Hint]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them."""
        return self.found.shape

    def __getitem__(self, index):
        rows, columns = index
        part = np.array(self.found[:, columns])
        first, *_ = columns.indices(self.found.shape[1])
        place = bin_frequencies()[: len(part)], HOP, part.shape[1], first
        allowed = allowed_entries(self.hints, self.labels, *place)
        own = allowed[list(self.labels).index(self.label)]
        told = own & ~allowed.all(0)
        part[told] = np.maximum(part[told], LEAST)
        part[~own] = 0
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
        `allowed_entries` says what they mean.

    Returns
    -------
    sequence of array-like
        Those that were given, if nothing is said of them.
    """
    labels = list(labels)
    hints = [hint for hint in hints if hint.label in labels]
    if not hints:
        return magnitudes
    pairs = zip(magnitudes, labels, strict=True)
    return [Obeyed(found, label, labels, hints) for found, label in pairs]
