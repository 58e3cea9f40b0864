"""Signals that are too long, or too many, to be kept in memory."""

import os
import tempfile
import weakref

import numpy as np

LARGEST = 2**29  # bytes of stems that are kept in memory


class StoredSignal:
    """A signal in a temporary file, of which what is asked for is read.

    An hour of four stereo stems is 5 GB.

    Parameters
    ----------
    shape : tuple of int
        Channels and samples; or rows and frames, and whatever follows.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        # closed, as few may be open at once; it goes with the signal
        opened, self._file = tempfile.mkstemp(prefix="musaic-", suffix=".f32")
        os.close(opened)
        weakref.finalize(self, os.unlink, self._file)
        os.truncate(self._file, 4 * int(np.prod(shape)))

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        # mapped anew each time: what is read does not stay in memory
        shape = self.shape[1], self.shape[0], *self.shape[2:]  # in the order of time
        mapped = np.memmap(self._file, np.float32, "r", shape=shape)
        return np.array(mapped.swapaxes(0, 1)[index])

    def __setitem__(self, index, samples):
        _, time = index
        first, last, _ = time.indices(self.shape[1])
        shape = self.shape[0], last - first, *self.shape[2:]
        samples = np.broadcast_to(np.asarray(samples, np.float32), shape)
        # written, not mapped: a full disk is an error then, and no crash
        try:
            with open(self._file, "r+b") as file:
                file.seek(4 * first * int(np.prod(shape)) // (last - first))
                file.write(np.ascontiguousarray(samples.swapaxes(0, 1)).data)
        except OSError as error:
            raise OSError(
                f"no room for stems in {tempfile.gettempdir()} ({error.strerror}); let "
                "$TMPDIR name a folder on a larger disk, or cut the recording"
            ) from None

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[...], dtype)


def room_for(n_signals: int, shape: tuple[int, ...]) -> list:
    """Make room for signals: in memory, or in files where they are too long.

    Parameters
    ----------
    n_signals : int
    shape : tuple of int
        Of each, as `StoredSignal` takes it.

    Returns
    -------
    list of ndarray of float32, or of StoredSignal
    """
    if 4 * n_signals * np.prod(shape) > LARGEST:
        return [StoredSignal(shape) for _ in range(n_signals)]
    return list(np.empty((n_signals, *shape), np.float32))


# weak references to the arrays that are kept, as long as somebody has them
_kept: list[weakref.ref] = []


def in_little_memory(stems: dict[str, np.ndarray]) -> dict:
    """Keep stems in memory, or in files where those of others leave too little of it.

    Parameters
    ----------
    stems : dict of str to ndarray or StoredSignal, shape (channels, samples)
        Of one recording; some may be one array.

    Returns
    -------
    dict of str to ndarray or StoredSignal
    """
    arrays = {id(y): y for y in stems.values() if isinstance(y, np.ndarray)}
    alive = [array for kept in _kept if (array := kept()) is not None]
    _kept[:] = map(weakref.ref, alive)
    if sum(y.nbytes for y in (*alive, *arrays.values())) <= LARGEST:
        _kept.extend(map(weakref.ref, arrays.values()))
        return stems
    stored = {key: StoredSignal(y.shape) for key, y in arrays.items()}
    for key, samples in arrays.items():
        stored[key][:, :] = samples
    return {name: stored.get(id(y), y) for name, y in stems.items()}
