"""Signals that are too long to be kept in memory."""

import tempfile

import numpy as np

LARGEST = 2**29  # bytes of a recording's stems that are kept in memory


class StoredSignal:
    """A signal in a temporary file, of which what is asked for is read.

    An hour of four stereo stems is 5 GB.

    Parameters
    ----------
    shape : tuple of int
        Channels and samples.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (it goes with the signal)

    def _mapped(self, mode):
        # anew each time: what is read or written does not stay in memory
        return np.memmap(self._file, np.float32, mode, shape=self.shape)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        return np.array(self._mapped("r")[index])

    def __setitem__(self, index, samples):
        self._mapped("r+")[index] = samples

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[...], dtype)


def room_for(n_signals: int, shape: tuple[int, int]) -> list:
    """Make room for signals: in memory, or in files where they are too long.

    Parameters
    ----------
    n_signals : int
    shape : tuple of int
        Channels and samples of each.

    Returns
    -------
    list of ndarray of float32, or of StoredSignal
    """
    if 4 * n_signals * np.prod(shape) > LARGEST:
        return [StoredSignal(shape) for _ in range(n_signals)]
    return list(np.empty((n_signals, *shape), np.float32))
