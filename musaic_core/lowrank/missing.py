"""Data whose entries count more or less, or not at all."""

from __future__ import annotations

import math
from math import inf
from typing import Any

import numpy as np
import scipy.sparse

from musaic_core.lowrank.arrays import (
    copy_like,
    floating,
    is_sparse,
    library_of,
    sparse_columns,
)
from musaic_core.lowrank.checks import check_choice, check_nonnegative

__all__ = ["observed", "observed_sparse"]

Array = Any


def observed(
    V: Array, data_weights: Array | None = None, missing: str | None = None
) -> tuple[Array, Array | None, float]:
    """The data, what each entry counts, and the mean of what is there.

    Parameters
    ----------
    V : array
        As a factorization takes it; of a masked array, what is masked is missing.
    data_weights : array, optional
        As in `musaic_core.lowrank.options.Options`, and so for the next one.
    missing : {None, "nan"}

    Returns
    -------
    V : array
        float32 or float64. Missing entries have the mean of the others.
    weights : array of V's shape, library and dtype, or None
        Zero where an entry is missing; None if all entries count once.
    mean : float
        Weighted.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    """
    if missing is not None:
        check_choice(missing, "missing", ["nan"])
    masked = np.ma.getmask(V)
    V = floating(V)
    absent = [] if masked is np.ma.nomask else [masked]
    if _has_nan(V):
        if missing == "nan":
            absent.append(V != V)
        elif data_weights is None and not absent:
            raise ValueError(
                "V has NaN entries; give missing='nan' to leave them out, or replace "
                "them, by zero for instance"
            )
    if data_weights is None and not absent:
        return V, None, check_nonnegative(V, "V")
    weights = _like(1.0 if data_weights is None else data_weights, V)
    for entries in absent:
        weights[entries] = 0
    there = weights > 0
    if not bool(there.any()):
        raise ValueError("V has no entry that counts; give some with a weight above 0")
    library = library_of(V)
    nothing = library.zeros_like(V)
    V = library.where(there, V, nothing)
    if _has_nan(V):
        raise ValueError(
            "V has NaN entries whose weights are above 0; give missing='nan' to leave "
            "them out"
        )
    check_nonnegative(V, "V")
    mean = _weighted_mean(V, weights)
    return library.where(there, V, nothing + mean), weights, mean


def observed_sparse(
    V: Array, data_weights: Array | None = None, missing: None = None
) -> tuple[Array, Array | None, float]:
    """The same for a sparse matrix, which keeps no more than weights list.

    Parameters
    ----------
    V : sparse matrix (F, T)
    data_weights : sparse matrix (F, T), optional
        What it does not list is missing. Without it, all entries count once, those too
        that V does not list, which are zero.
    missing : None

    Returns
    -------
    V : csc_array
        With weights, their entries and no others, in their order; some may be zero.
    weights : csc_array or None
        All above zero.
    mean : float
        Weighted.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    """
    if missing is not None:
        raise ValueError(
            "missing is given and V is sparse: list the entries that are there in "
            "data_weights, a sparse matrix, or give V.toarray()"
        )
    V = sparse_columns(V)
    if data_weights is None:
        return V, None, check_nonnegative(V, "V")
    if not is_sparse(data_weights):
        raise ValueError(
            "data_weights is an array and V is sparse: give a sparse matrix, which "
            "lists the entries that are there, or V.toarray()"
        )
    if data_weights.shape != V.shape:
        raise ValueError(
            f"data_weights has shape {data_weights.shape}; give one of V's, {V.shape}"
        )
    if data_weights.dtype.kind not in "buif":
        raise ValueError(
            f"data_weights has dtype {data_weights.dtype}; give real numbers"
        )
    weights = sparse_columns(data_weights).astype(V.dtype)
    _check_weights(weights.data)
    weights.eliminate_zeros()
    if weights.nnz == 0:
        raise ValueError("data_weights lists no entry of V; give some above 0")
    values = _values_at(weights, V)
    check_nonnegative(values, "V")
    V = scipy.sparse.csc_array((values, weights.indices, weights.indptr), V.shape)
    return V, weights, _weighted_mean(values, weights.data)


def _values_at(pattern, V):
    """V's entries where another csc_array has its own, in their order."""
    wanted, known = (
        np.repeat(np.arange(X.shape[1]), np.diff(X.indptr)) * X.shape[0] + X.indices
        for X in (pattern, V)
    )
    places = np.searchsorted(known, wanted)
    there = np.append(known, -1)[places] == wanted
    values = np.zeros(len(wanted), V.dtype)
    values[there] = V.data[places[there]]
    return values


def _weighted_mean(V, weights):
    # both relative to their largest, so that no sum overflows
    high, share = float(V.max()), weights / weights.max()
    return high and high * float((V / high * share).sum() / share.sum())


def _has_nan(V):
    return 0 not in V.shape and math.isnan(float(V.min()))


def _like(weights, V):
    """The weights broadcast to V's shape, in V's library, dtype and order in memory."""
    given = floating(weights, "data_weights")
    try:
        shape = np.broadcast_shapes(tuple(given.shape), tuple(V.shape))
    except ValueError:
        shape = None
    if shape != tuple(V.shape):
        raise ValueError(
            f"data_weights has shape {tuple(given.shape)}; give one that broadcasts to "
            f"V's, {tuple(V.shape)}"
        )
    weights = library_of(V).empty_like(V)
    weights[...] = copy_like(given, V)
    _check_weights(weights)
    return weights


def _check_weights(weights):
    if 0 in weights.shape:
        return
    if not 0 <= float(weights.min()) <= float(weights.max()) < inf:
        raise ValueError(
            "data_weights has negative, NaN or infinite entries; give numbers, 0 or "
            "more, and 0 where V is missing"
        )
