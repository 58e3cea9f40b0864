"""What is computed of a recording once for all models."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np


class Kept:
    """Arrays by recording, as long as they are few enough and the recording is there.

    Parameters
    ----------
    n_bytes : float
        That are kept at most; what comes later is computed anew each time.
    """

    def __init__(self, n_bytes: float = 500e6) -> None:
        self.n_bytes = n_bytes
        self._arrays: WeakKeyDictionary = WeakKeyDictionary()

    def get(self, recording: object, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Give the array of a recording, which is not to be changed.

        Parameters
        ----------
        recording : object
        make : callable
            Computes the array, if it is not there.

        Returns
        -------
        ndarray
        """
        if recording in self._arrays:
            return self._arrays[recording]
        array = make()
        size = array.nbytes + sum(kept.nbytes for kept in self._arrays.values())
        if size <= self.n_bytes:
            self._arrays[recording] = array
        return array
