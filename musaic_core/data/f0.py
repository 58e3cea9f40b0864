"""Fundamental frequencies over time, finer than notes: vibrato, glides, intonation."""

from dataclasses import dataclass

import numpy as np


@dataclass
class F0:
    """What sounds at each of some times.

    Parameters
    ----------
    times : ndarray of float, shape (T,)
        Seconds, increasing.
    hz : ndarray of float, shape (T, voices)
        Fundamental frequency of each voice, Hz; 0 where it is silent.
    """

    times: np.ndarray
    hz: np.ndarray

    @classmethod
    def of_voices(cls, voices: list[tuple[np.ndarray, np.ndarray]]) -> "F0":
        """Put voices together whose frames are as far apart.

        Parameters
        ----------
        voices : list of (times, hz)
            Arrays of shape (n,) each, that begin at the same time and may end at
            others.

        Returns
        -------
        F0
            At the times of the longest.
        """
        times = max((times for times, _ in voices), key=len)
        hz = np.zeros((len(times), len(voices)))
        for column, (_, values) in zip(hz.T, voices, strict=True):
            column[: len(values)] = values
        return cls(times, hz)
