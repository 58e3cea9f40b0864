"""What was heard alone, for models to begin from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dictionary:
    """Spectra of what was heard alone: notes, or stems.

    Parameters
    ----------
    templates : ndarray of float32, shape (F, R)
        One spectrum a column, each of sum 1.
    labels : ndarray, shape (R,)
        What each is a spectrum of: a MIDI note number, or a stem.
    learn_patches : callable, optional
        ``learn_patches(length)`` gives patches (F, P, length), spectra over so many
        frames, each of sum 1, and their labels (P,).
    """

    templates: np.ndarray
    labels: np.ndarray
    learn_patches: Callable[[int], tuple[np.ndarray, np.ndarray]] | None = None

    def patches(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Entries over time.

        Parameters
        ----------
        length : int
            Frames.

        Returns
        -------
        patches : ndarray of float32, shape (F, P, length)
            Each of sum 1.
        labels : ndarray, shape (P,)
            What each is of.
        """
        return self.learn_patches(length)

    def cut(self, n_rows: int | None) -> Dictionary:
        """Keep the lowest rows, as of recordings at a low sampling rate.

        Parameters
        ----------
        n_rows : int or None
            None keeps all.

        Returns
        -------
        Dictionary
            Its spectra are of sum 1 or less.
        """
        if n_rows is None or len(self.templates) <= n_rows:
            return self

        def learn_patches(length):
            patches, labels = self.patches(length)
            return patches[:n_rows], labels

        return Dictionary(self.templates[:n_rows], self.labels, learn_patches)

    def extended(self, other: Dictionary) -> Dictionary:
        """Add the entries of another dictionary.

        Parameters
        ----------
        other : Dictionary
            With as many rows.

        Returns
        -------
        Dictionary
        """

        def learn_patches(length):
            both = self.patches(length), other.patches(length)
            patches, labels = zip(*both, strict=True)
            return np.concatenate(patches, axis=1), np.concatenate(labels)

        return Dictionary(
            np.concatenate([self.templates, other.templates], axis=1),
            np.concatenate([self.labels, other.labels]),
            learn_patches,
        )

    def filtered(self, response: np.ndarray) -> Dictionary:
        """What the same sounds like through a filter.

        Parameters
        ----------
        response : ndarray of float32, shape (F,)
            Positive.

        Returns
        -------
        Dictionary
        """

        def through(entries):
            heard = entries * response.reshape(-1, *(1,) * (entries.ndim - 1))
            lasting = tuple(axis for axis in range(entries.ndim) if axis != 1)
            return heard / heard.sum(lasting, keepdims=True)

        def learn_patches(length):
            patches, labels = self.patches(length)
            return through(patches), labels

        return Dictionary(through(self.templates), self.labels, learn_patches)
