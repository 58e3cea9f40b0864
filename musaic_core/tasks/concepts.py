"""When the parts of music are there that a model's parts may stand for."""

import numpy as np
import pandas as pd

from musaic_core.data.notes import Notes


def pitches_sounding(notes: Notes, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Say which pitches sound when.

    Parameters
    ----------
    notes : Notes
    times : ndarray, shape (T,)
        s.

    Returns
    -------
    pitches : ndarray, shape (K,)
        MIDI numbers of those that sound at some of these times, rising.
    sounding : ndarray of bool, shape (K, T)
    """
    pitches = np.unique(notes.pitches)
    sounding = np.zeros((len(pitches), len(times)), bool)
    edges = np.searchsorted(times, notes.intervals)
    rows = np.searchsorted(pitches, notes.pitches)
    for row, (first, last) in zip(rows, edges, strict=True):
        sounding[row, first:last] = True
    occurs = sounding.any(1)
    return pitches[occurs], sounding[occurs]


def labels_at(intervals: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """Say which labels there are when, as those of sections or chords.

    Parameters
    ----------
    intervals : DataFrame
        ``start`` (s), ``end`` (s), ``label``.
    times : ndarray, shape (T,)
        s.

    Returns
    -------
    ndarray of bool, shape (number of labels that occur, T)
        In the order of the labels.
    """
    inside = (intervals["start"].to_numpy()[:, None] <= times) & (
        times < intervals["end"].to_numpy()[:, None]
    )
    names, which = np.unique(intervals["label"].astype(str), return_inverse=True)
    there = np.zeros((len(names), len(times)), bool)
    np.logical_or.at(there, which, inside)
    return there[there.any(1)]
