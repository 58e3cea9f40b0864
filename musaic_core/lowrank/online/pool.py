"""Mini-batches of columns, drawn from a pool that a stream flows through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import floating, library_of

__all__ = ["mini_batches", "once_only"]

Array = Any


def mini_batches(
    arrays: Iterable[Array],
    batch_size: int,
    pool_size: int,
    rng: np.random.Generator,
    hear: Callable[[Array], None],
) -> Iterator[Array]:
    """Mini-batches of columns, drawn so that each has some of several arrays.

    Parameters
    ----------
    arrays : iterable of arrays
        Alike in all axes but the last; read once, one at a time.
    batch_size : int
        Columns of a mini-batch, roughly.
    pool_size : int
        Columns that stay behind to be mixed with what follows.
    rng : numpy.random.Generator
        For the order of the columns.
    hear : callable
        Called with each pool before mini-batches are cut from it.

    Yields
    ------
    array
        Of as many axes as the arrays. Every column comes once.
    """
    pool = None
    for V in map(floating, arrays):
        pool = V if pool is None else _joined(pool, V)
        if pool.shape[-1] >= 2 * pool_size:
            hear(pool)
            pool = _shuffled(pool, rng)
            yield from _cut(pool[..., pool_size:], batch_size)
            pool = pool[..., :pool_size]
    if pool is not None:
        hear(pool)
        yield from _cut(_shuffled(pool, rng), batch_size)


def once_only(stream: Any) -> bool:
    """Whether a stream can be read only once, as a generator can."""
    return not callable(stream) and iter(stream) is stream


def _shuffled(pool, rng):
    return pool[..., rng.permutation(pool.shape[-1])]


def _cut(pool, batch_size):
    n_batches = max(1, round(pool.shape[-1] / batch_size))
    ends = np.linspace(0, pool.shape[-1], n_batches + 1).round().astype(int)
    for first, last in pairwise(ends):
        yield pool[..., first:last]


def _joined(pool, V):
    if V.shape[:-1] != pool.shape[:-1]:
        raise ValueError(
            f"stream has arrays of shapes {tuple(pool.shape)} and {tuple(V.shape)}; "
            "all axes but the last are to be the same"
        )
    return library_of(pool).concatenate([pool, V], axis=-1)
