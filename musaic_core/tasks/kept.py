"""What is computed of a recording once for all models."""

import threading
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakKeyDictionary


class Kept:
    """Arrays by recording, as long as they are few enough and the recording is there.

    Parameters
    ----------
    n_bytes : float
        That are kept at most; what comes later is computed anew each time.
    """

    def __init__(self, n_bytes: float = 500e6) -> None:
        self.n_bytes = n_bytes
        self._values: WeakKeyDictionary = WeakKeyDictionary()
        self._writing = threading.Lock()  # as recordings are scored in parallel

    def get(
        self, recording: object, make: Callable[[], Any], what: Hashable = None
    ) -> Any:
        """Give what was made of a recording, which is not to be changed.

        Parameters
        ----------
        recording : object
        make : callable
            Computes it, if it is not there: an array, or a tuple or dict of some.
        what : hashable
            Which it is, where several are kept of a recording.

        Returns
        -------
        object
        """
        kept = self._values.get(recording, {})
        if what in kept:
            return kept[what]
        value = make()
        with self._writing:
            if sum(map(_size, self._values.values())) + _size(value) <= self.n_bytes:
                self._values.setdefault(recording, {})[what] = value
        return value


def _size(value):
    """Bytes of the arrays in it."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return sum(map(_size, value))
    return getattr(value, "nbytes", 0)
