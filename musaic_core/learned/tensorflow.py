"""Checkpoints of TensorFlow, read without TensorFlow."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

MAGIC = bytes.fromhex("57fb808b247547db")  # at the end of each table
FOOTER = 48  # bytes
TYPES = {1: np.float32, 2: np.float64, 3: np.int32, 9: np.int64}


def read_checkpoint(prefix: str) -> dict[str, np.ndarray]:
    """Read the variables of a checkpoint in TensorFlow's second format.

    ``NAME.index`` is a table, in the form of LevelDB's, that says type, shape and place
    of each variable; ``NAME.data-00000-of-00001`` holds the numbers.

    Parameters
    ----------
    prefix : str
        Path of both files, up to ``NAME``.

    Returns
    -------
    dict of str to ndarray
        Those that are numbers.

    Raises
    ------
    ValueError
        The file has another form, or is compressed.
    """
    index = Path(f"{prefix}.index")
    table = index.read_bytes()
    if table[-len(MAGIC) :] != MAGIC:
        raise ValueError(f"{index}: no index of a TensorFlow checkpoint")
    numbers = Path(f"{prefix}.data-00000-of-00001").read_bytes()
    footer = _varints(table[-FOOTER:], 4)  # where a list of list of blocks is, its own
    found = {}
    for _, place in _entries(table, *footer[2:]):
        for name, message in _entries(table, *_varints(place, 2)):
            told = _message(message)
            if not name or told[1] not in TYPES:
                continue  # what the checkpoint says of itself, or text
            shape = [_message(size).get(1, 0) for size in _repeated(told[2])]
            start, size = told.get(4, 0), told.get(5, 0)
            array = np.frombuffer(numbers[start : start + size], TYPES[told[1]])
            found[name.decode()] = array.reshape(shape)
    return found


def _varint(data, at):
    """A number of seven bits a byte, the last of which is below 128, and what follows.

    The least come first.
    """
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift, goes_on = at + 1, shift + 7, data[at] & 128
        if not goes_on:
            return value, at


def _varints(data, n):
    """The first n numbers."""
    found, at = [], 0
    for _ in range(n):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _entries(table, start, size) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key is told from where the last one differs."""
    if table[start + size] != 0:
        raise ValueError("compressed indices of TensorFlow checkpoints can't be read")
    block = table[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    at, end, key = 0, size - 4 * (restarts + 1), b""
    while at < end:
        shared, at = _varint(block, at)
        n_key, at = _varint(block, at)
        n_value, at = _varint(block, at)
        key = key[:shared] + block[at : at + n_key]
        at += n_key + n_value
        yield key, block[at - n_value : at]


def _fields(message):
    """Numbers and contents of a protocol buffer's fields."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
        else:  # a length and so many bytes, or four or eight
            n = {1: 8, 5: 4}.get(kind)
            if n is None:
                n, at = _varint(message, at)
            value, at = message[at : at + n], at + n
        yield tag >> 3, value


def _message(message):
    return dict(_fields(message))


def _repeated(shape):
    """The sizes among the fields of a shape."""
    return [value for number, value in _fields(shape) if number == 2]
